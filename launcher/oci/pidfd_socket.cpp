#include "launcher/oci/pidfd_socket.h"

#include "launcher/descriptor_socket.h"

namespace cgwarden::launcher::oci {

Step PidfdSocket::connect(const std::string& path) {
  if (path.empty()) return {};
  CGW_ASSIGN(socket_, connect_descriptor_socket(path, "pidfd"));
  return {};
}

Step PidfdSocket::send(const UniqueFd& pidfd, const std::string& word) {
  if (!socket_.valid()) return {};
  if (!send_descriptor(socket_.get(), pidfd.get(), word)) {
    return failed("pidfd", "the process cannot be sent over the pidfd socket");
  }
  socket_.reset();
  return {};
}

}  // namespace cgwarden::launcher::oci
