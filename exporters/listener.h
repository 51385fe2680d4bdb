#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/listen_address.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace cgwarden::exporters {

// A listening stream socket, its port, and for a unix socket the file it owns.
class Listener {
 public:
  // `text` names the address in errors. busy: in use. A unix socket gets mode 0660; a file left
  // there by a process that ended is replaced, one that answers is busy.
  [[nodiscard]] static Result<Listener> open(const ListenAddress& address, const std::string& text);
  ~Listener();
  Listener(Listener&& other) noexcept
      : socket_(std::move(other.socket_)),
        port_(other.port_),
        file_(std::exchange(other.file_, {})) {}
  Listener& operator=(Listener&&) = delete;

  // 0 for a unix socket.
  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Gives the socket away; a unix socket's file stays owned.
  [[nodiscard]] int release_socket() { return socket_.release(); }

 private:
  Listener(UniqueFd socket, std::uint16_t port, std::string file)
      : socket_(std::move(socket)), port_(port), file_(std::move(file)) {}

  UniqueFd socket_;
  std::uint16_t port_ = 0;
  std::string file_;  // unlinked at the end; empty for none
};

}  // namespace cgwarden::exporters
