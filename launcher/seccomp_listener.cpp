#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"
#include "launcher/json.h"
#include "launcher/seccomp_config.h"

namespace cgwarden::launcher {
namespace {

// An agent that does not accept must not hold `create` for ever.
constexpr timeval kListenerPatience{.tv_sec = 10, .tv_usec = 0};

std::unexpected<LaunchError> listener_failed(const std::string& path, const std::string& text) {
  return failed("seccomp", "linux.seccomp.listenerPath " + path + " " + text);
}

StepResult<UniqueFd> connect_to(const std::string& path) {
  UniqueFd stream(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!stream.valid() || ::setsockopt(stream.get(), SOL_SOCKET, SO_SNDTIMEO, &kListenerPatience,
                                      sizeof kListenerPatience) != 0) {
    return listener_failed(path, "needs a socket");
  }
  // By descriptor: a path may be longer than sun_path.
  const UniqueFd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place.valid()) return listener_failed(path, "cannot be opened");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string short_path = "/proc/self/fd/" + std::to_string(place.get());
  std::memcpy(address.sun_path, short_path.c_str(), short_path.size() + 1);
  if (::connect(stream.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return listener_failed(path, errno == EAGAIN ? "is not answered: its backlog is full"
                                                 : "is not a listening stream socket");
  }
  return stream;
}

}  // namespace

StepResult<std::string> seccomp_process_state(const Seccomp& config, pid_t pid,
                                              const std::string& state_json) {
  const auto state = parse_json_object(state_json, "read", "the container's state");
  if (!state) return refused("seccomp", state.error().sentence());
  const auto version = state->find("ociVersion");
  if (version == state->end() || !version->is_string()) {
    return refused("seccomp", "the container's state has no ociVersion");
  }
  nlohmann::json document{
      {"ociVersion", *version}, {"fds", {"seccompFd"}}, {"pid", pid}, {"state", *state}};
  if (!config.listener_metadata.empty()) document["metadata"] = config.listener_metadata;
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Step send_seccomp_listener(const std::string& listener_path, int listener_fd,
                           const std::string& process_state_json) {
  CGW_ASSIGN(const UniqueFd stream, connect_to(listener_path));
  std::string_view rest = process_state_json;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  bool descriptor_sent = false;
  while (!descriptor_sent || !rest.empty()) {
    iovec bytes{const_cast<char*>(rest.data()), rest.size()};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    if (!descriptor_sent) {  // config-linux.md: in the first message only
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(header), &listener_fd, sizeof listener_fd);
    }
    const ssize_t count = ::sendmsg(stream.get(), &message, MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EINTR) continue;
      return listener_failed(listener_path,
                             errno == EAGAIN ? "does not read" : "cannot be sent to");
    }
    descriptor_sent = true;
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace cgwarden::launcher
