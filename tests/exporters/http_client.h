#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace cgwarden::exporters {

struct HttpAnswer {
  int status = 0;  // 0: the server closed the connection without an answer
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// One connection to the endpoint over plain sockets, so that the tests see bytes and not what a
// client library makes of them. A receive timeout of 20 s turns a hang into a failure.
class HttpClient {
 public:
  // From 127.0.0.`host` to 127.0.0.1.
  static HttpClient ipv4(std::uint16_t port, std::uint8_t host = 1);
  static HttpClient ipv6(std::uint16_t port);
  static HttpClient local(const std::string& path);

  [[nodiscard]] bool connected() const { return socket_.valid(); }
  void send(std::string_view bytes);
  // Reads one answer: headers, then Content-Length bytes or chunks, none for HEAD.
  HttpAnswer read(bool head = false);
  // Waits for the first bytes of an answer, and leaves them.
  bool has_answer();
  // True when the server closes the connection, whatever it sends before.
  bool ends();
  // True when the server has closed the connection.
  bool closed();

  // A whole request; `headers` are lines ending in \r\n.
  HttpAnswer get(std::string_view path, std::string_view headers = "");
  HttpAnswer request(std::string_view method, std::string_view path, std::string_view headers = "");

 private:
  explicit HttpClient(UniqueFd socket) : socket_(std::move(socket)) {}
  bool fill();
  bool read_chunks(std::string& body);

  UniqueFd socket_;
  std::string received_;
};

}  // namespace cgwarden::exporters
