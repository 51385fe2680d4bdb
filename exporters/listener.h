#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

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
  // Each of `addresses` (base/listen_address.h); invalid: malformed.
  [[nodiscard]] static Result<std::vector<Listener>> open_all(
      const std::vector<std::string>& addresses);
  // A socket that somebody else, such as systemd, made and may give away again: a unix socket's
  // file stays when it ends. invalid: it does not listen for streams. `text` names it in errors.
  [[nodiscard]] static Result<Listener> adopt(UniqueFd socket, const std::string& text);
  ~Listener();
  Listener(Listener&& other) noexcept
      : socket_(std::move(other.socket_)),
        name_(std::move(other.name_)),
        port_(other.port_),
        file_(std::exchange(other.file_, {})) {}
  Listener& operator=(Listener&&) = delete;

  // For messages.
  [[nodiscard]] const std::string& name() const { return name_; }
  // 0 for a unix socket.
  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Gives the socket away; a unix socket's file stays owned.
  [[nodiscard]] int release_socket() { return socket_.release(); }

 private:
  Listener(UniqueFd socket, std::string name, std::uint16_t port, std::string file)
      : socket_(std::move(socket)), name_(std::move(name)), port_(port), file_(std::move(file)) {}

  UniqueFd socket_;
  std::string name_;
  std::uint16_t port_ = 0;
  std::string file_;  // unlinked at the end; empty for none
};

}  // namespace cgwarden::exporters
