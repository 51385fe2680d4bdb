#include "exporters/listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace cgwarden::exporters {
namespace {

// The kernel cuts it to net.core.somaxconn.
constexpr int kBacklog = 128;
// A proxy in the group may connect.
constexpr mode_t kSocketMode = 0660;

auto socket_error(const std::string& text) {
  const int number = errno;
  Error error = Error::from_errno(number, "listen on", text);
  // from_errno knows files; for sockets an address in use is what "busy" means.
  if (number == EADDRINUSE) {
    error.kind = ErrorKind::busy;
    error.detail = "another process listens there; choose another address";
  }
  return fail(std::move(error));
}

Result<UniqueFd> listen_at(int family, const sockaddr* address, socklen_t size,
                           const std::string& text, bool dual_stack = false) {
  UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return socket_error(text);
  const int on = 1;
  const int only_v6 = dual_stack ? 0 : 1;
  // A restart must not wait for the connections of the run before in TIME_WAIT.
  if (family != AF_UNIX) {
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  }
  if (family == AF_INET6) {
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
  }
  // The file of a unix socket is born with the mode of the socket's inode, less the umask.
  if (family == AF_UNIX && ::fchmod(socket.get(), kSocketMode) != 0) return socket_error(text);
  if (::bind(socket.get(), address, size) != 0) return socket_error(text);
  // Nobody connects before listen().
  if (family == AF_UNIX &&
      ::fchmodat(AT_FDCWD, reinterpret_cast<const sockaddr_un*>(address)->sun_path, kSocketMode,
                 AT_SYMLINK_NOFOLLOW) != 0) {
    return socket_error(text);
  }
  if (::listen(socket.get(), kBacklog) != 0) return socket_error(text);
  return socket;
}

template <typename Address>
Result<UniqueFd> listen_at(const Address& address, const std::string& text,
                           bool dual_stack = false) {
  sockaddr_storage storage{};
  std::memcpy(&storage, &address, sizeof address);
  return listen_at(storage.ss_family, reinterpret_cast<const sockaddr*>(&storage), sizeof address,
                   text, dual_stack);
}

sockaddr_in socket_address(const ListenIpv4& address) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(address.port);
  out.sin_addr = address.host;
  return out;
}

sockaddr_in6 socket_address(const ListenIpv6& address) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(address.port);
  out.sin6_addr = address.host;
  return out;
}

// parse_listen_address has checked the length.
sockaddr_un socket_address(const ListenUnix& address) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  std::memcpy(out.sun_path, address.path.data(),
              std::min(address.path.size(), sizeof out.sun_path - 1));
  return out;
}

// True when `path` is a socket nobody listens on: left by a process that was killed.
bool is_abandoned(const sockaddr_un& address) {
  struct stat status{};
  if (::lstat(address.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe.valid() &&
         ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

Result<UniqueFd> open_socket(const ListenAddress& address, const std::string& text) {
  if (const auto* any = std::get_if<ListenAny>(&address)) {
    auto socket =
        listen_at(socket_address(ListenIpv6{in6addr_any, any->port}), text, /*dual_stack=*/true);
    // A kernel booted with ipv6.disable=1.
    if (socket || socket.error().errno_value != EAFNOSUPPORT) return socket;
    return listen_at(socket_address(ListenIpv4{{htonl(INADDR_ANY)}, any->port}), text);
  }
  if (const auto* v4 = std::get_if<ListenIpv4>(&address)) {
    return listen_at(socket_address(*v4), text);
  }
  if (const auto* v6 = std::get_if<ListenIpv6>(&address)) {
    return listen_at(socket_address(*v6), text);
  }
  const sockaddr_un name = socket_address(std::get<ListenUnix>(address));
  if (is_abandoned(name)) ::unlink(name.sun_path);
  return listen_at(name, text);
}

Result<std::uint16_t> bound_port(int socket, const std::string& text) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return socket_error(text);
  }
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    return ntohs(v4.sin_port);
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof v6);
    return ntohs(v6.sin6_port);
  }
  return std::uint16_t{0};
}

}  // namespace

Result<Listener> Listener::open(const ListenAddress& address, const std::string& text) {
  CGW_ASSIGN(UniqueFd socket, open_socket(address, text));
  CGW_ASSIGN(const std::uint16_t port, bound_port(socket.get(), text));
  const auto* file = std::get_if<ListenUnix>(&address);
  return Listener(std::move(socket), text, port, file != nullptr ? file->path : std::string());
}

Result<std::vector<Listener>> Listener::open_all(const std::vector<std::string>& addresses) {
  std::vector<Listener> listeners;
  for (const std::string& text : addresses) {
    CGW_ASSIGN(const ListenAddress address, parse_listen_address(text));
    CGW_ASSIGN(Listener listener, open(address, text));
    listeners.push_back(std::move(listener));
  }
  return listeners;
}

Result<Listener> Listener::adopt(UniqueFd socket, const std::string& text) {
  int type = 0;
  int listens = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0) return socket_error(text);
  size = sizeof listens;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0) {
    return socket_error(text);
  }
  if (type != SOCK_STREAM || listens == 0) {
    return fail(Error::invalid("listen on", text,
                               "it is not a listening stream socket; use ListenStream= with "
                               "Accept=no"));
  }
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC) != 0) {
    return socket_error(text);
  }
  CGW_ASSIGN(const std::uint16_t port, bound_port(socket.get(), text));
  return Listener(std::move(socket), text, port, std::string());
}

Listener::~Listener() {
  if (!file_.empty()) ::unlink(file_.c_str());
}

}  // namespace cgwarden::exporters
