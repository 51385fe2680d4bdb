#include "launcher/probe.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <string_view>

#include "base/file.h"
#include "base/unique_fd.h"
#include "launcher/http_status.h"
#include "launcher/oci/command_line.h"
#include "launcher/workload_exec.h"

namespace cgwarden::launcher {
namespace {

using oci::Outcome;
using oci::refuse;

// Only the status line counts; it is the first thing sent.
constexpr std::size_t kAnswerBytes = 4096;

struct ProbeOptions {
  std::string state_dir;
  unsigned timeout_msec = 0;
  unsigned port = 0;
  std::string path;  // empty: TCP only
};

std::int64_t now_msec() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

class Probe {
 public:
  explicit Probe(const ProbeOptions& options)
      : options_(options), deadline_(now_msec() + options.timeout_msec) {}

  Outcome<int> run() {
    // A server may listen on one of the two only.
    auto connected = connect_to(AF_INET);
    if (!connected) {
      if (auto second = connect_to(AF_INET6)) connected = std::move(second);
    }
    if (!connected) return std::unexpected(connected.error());
    if (options_.path.empty()) return 0;
    return get(connected->get());
  }

 private:
  [[nodiscard]] std::string where() const { return "port " + std::to_string(options_.port); }

  Outcome<void> wait_for(int fd, short events) const {
    for (;;) {
      const std::int64_t left = deadline_ - now_msec();
      if (left <= 0) break;
      pollfd ready{fd, events, 0};
      if (::poll(&ready, 1, static_cast<int>(left)) > 0) return {};
    }
    return refuse(where() + " did not answer in " + std::to_string(options_.timeout_msec) + " ms");
  }

  Outcome<UniqueFd> connect_to(int family) const {
    UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = v4.sin_port;
    v6.sin6_addr = in6addr_loopback;
    const bool old = family == AF_INET;
    const auto* address =
        old ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
    const socklen_t size = old ? sizeof(v4) : sizeof(v6);
    if (fd.valid() && ::connect(fd.get(), address, size) == 0) return fd;
    int error = errno;
    if (fd.valid() && error == EINPROGRESS) {
      CGW_TRY(wait_for(fd.get(), POLLOUT));
      socklen_t length = sizeof(error);
      if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0) {
        return fd;
      }
    }
    return refuse("cannot connect to " + where() + ": " + std::strerror(error));
  }

  [[nodiscard]] Outcome<int> get(int fd) const {
    const std::string request = "GET " + options_.path +
                                " HTTP/1.1\r\nHost: localhost:" + std::to_string(options_.port) +
                                "\r\nUser-Agent: cgwarden\r\nConnection: close\r\n\r\n";
    CGW_TRY(write_all(fd, request, where()));
    std::string answer;
    while (answer.find('\n') == std::string::npos && answer.size() < kAnswerBytes) {
      CGW_TRY(wait_for(fd, POLLIN));
      std::array<char, kAnswerBytes> buffer{};
      const ssize_t count = ::read(fd, buffer.data(), buffer.size());
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (count <= 0) break;
      answer.append(buffer.data(), static_cast<std::size_t>(count));
    }
    const auto status = http_status(answer);
    if (!status) return refuse(where() + " does not answer in HTTP");
    if (*status < 200 || *status > 399) {
      return refuse(where() + " answers " + options_.path + " with status " +
                    std::to_string(*status));
    }
    return 0;
  }

  const ProbeOptions& options_;
  std::int64_t deadline_;
};

// Opened before it is made sure that the process still is the workload's. A user's workload has a
// user namespace, and only there he may enter its network; the built-in init shows its files to
// nobody but root.
Outcome<void> enter_network(const std::string& state_dir) {
  const bool root = ::geteuid() == 0;
  CGW_ASSIGN(const RunningStatus status, read_living_status(state_dir));
  const std::string namespaces =
      "/proc/" + std::to_string(root ? status.pid : status.main_pid) + "/ns/";
  CGW_ASSIGN(const UniqueFd network, open_at(AT_FDCWD, namespaces + "net", O_RDONLY));
  UniqueFd user;
  if (!root) {
    CGW_ASSIGN(user, open_at(AT_FDCWD, namespaces + "user", O_RDONLY));
  }
  CGW_ASSIGN(const RunningStatus still, read_living_status(state_dir));
  static_cast<void>(still);
  if ((root || ::setns(user.get(), CLONE_NEWUSER) == 0) &&
      ::setns(network.get(), CLONE_NEWNET) == 0) {
    return {};
  }
  return refuse("cannot enter the network namespace of " + status.name + ": " +
                std::strerror(errno));
}

}  // namespace

Outcome<int> probe_workload(const std::vector<std::string>& words) {
  using oci::into;
  ProbeOptions options;
  const std::vector<oci::Option> table{
      {"state-dir", 0, "DIR", "directory of the workload", into(options.state_dir)},
      {"timeout-msec", 0, "N", "give up after that", into(options.timeout_msec)},
      {"port", 0, "PORT", "TCP port", into(options.port)},
      {"path", 0, "PATH", "ask for this by HTTP", into(options.path)}};
  CGW_ASSIGN(const auto rest, oci::parse_options("probe", words, table));
  const bool good = rest.empty() && !options.state_dir.empty() && options.timeout_msec > 0 &&
                    options.port > 0 && options.port <= 65535;
  if (!good) return refuse("probe needs --state-dir, --timeout-msec and --port", oci::kUsage);
  CGW_TRY(enter_network(options.state_dir));
  return Probe(options).run();
}

}  // namespace cgwarden::launcher
