#include "launcher/descriptor_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace cgwarden::launcher {
namespace {

// sun_path has 108 bytes; a longer path goes through a descriptor of its directory.
StepResult<std::string> short_path(const std::string& path, const std::string& stage,
                                   UniqueFd& directory) {
  if (path.size() < sizeof(sockaddr_un::sun_path)) return path;
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  directory.reset(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return failed(stage, "the directory of the socket " + path);
  std::string result = "/proc/self/fd/" + std::to_string(directory.get()) + "/" +
                       path.substr(slash == std::string::npos ? 0 : slash + 1);
  if (result.size() >= sizeof(sockaddr_un::sun_path)) {
    return refused(stage, "the name of the socket " + path + " is too long");
  }
  return result;
}

}  // namespace

StepResult<UniqueFd> connect_descriptor_socket(const std::string& path, const std::string& stage) {
  UniqueFd directory;
  CGW_ASSIGN(const std::string reachable, short_path(path, stage, directory));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  reachable.copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
  if (!socket.valid() ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return failed(stage, "the " + stage + " socket " + path + " cannot be connected to");
  }
  return socket;
}

bool send_descriptor(int socket, int descriptor, const std::string& payload) {
  std::string bytes = payload;
  iovec part_of_text{.iov_base = bytes.data(), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part_of_text;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(part), &descriptor, sizeof(int));
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(bytes.size());
}

ssize_t receive_descriptor(int socket, std::string& payload, UniqueFd& descriptor) {
  iovec part_of_text{.iov_base = payload.data(), .iov_len = payload.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part_of_text;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  const cmsghdr* part = size < 0 ? nullptr : CMSG_FIRSTHDR(&message);
  if (part != nullptr && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS &&
      part->cmsg_len == CMSG_LEN(sizeof(int))) {
    int received = -1;
    std::memcpy(&received, CMSG_DATA(part), sizeof(int));
    descriptor.reset(received);
  }
  return size;
}

}  // namespace cgwarden::launcher
