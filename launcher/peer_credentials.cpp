#include "launcher/peer_credentials.h"

#include <array>
#include <cerrno>
#include <cstring>

namespace cgwarden::launcher {

std::optional<ucred> receive_with_sender(int socket, std::span<std::byte> message) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
  iovec part{message.data(), message.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return std::nullopt;
  errno = 0;
  if (count != static_cast<ssize_t>(message.size())) return std::nullopt;
  const cmsghdr* sent = CMSG_FIRSTHDR(&header);
  if (sent == nullptr || sent->cmsg_level != SOL_SOCKET || sent->cmsg_type != SCM_CREDENTIALS) {
    return std::nullopt;
  }
  ucred sender{};
  std::memcpy(&sender, CMSG_DATA(sent), sizeof(sender));
  return sender;
}

}  // namespace cgwarden::launcher
