#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <optional>
#include <span>

namespace cgwarden::launcher {

// Receives one message of exactly the size of `message` from a SOCK_SEQPACKET socket with
// SO_PASSCRED, and who sent it: the kernel says so, in the words of the reader's namespaces
// (unix(7)). nullopt: another size, no credentials, or the end, where errno is 0; else it is
// recvmsg(2)'s.
[[nodiscard]] std::optional<ucred> receive_with_sender(int socket, std::span<std::byte> message);

}  // namespace cgwarden::launcher
