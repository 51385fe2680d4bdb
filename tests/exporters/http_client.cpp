#include "http_client.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace cgwarden::exporters {
namespace {

template <typename Address>
UniqueFd connect_to(int family, const Address& address, const Address* from = nullptr) {
  UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (from != nullptr &&
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(from), sizeof *from) != 0) {
    return {};
  }
  const timeval timeout{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    socket.reset();
  }
  return socket;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(c));
  return out;
}

}  // namespace

HttpClient HttpClient::ipv4(std::uint16_t port, std::uint8_t host) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xFFU) | host);
  return HttpClient(connect_to(AF_INET, address, &from));
}

HttpClient HttpClient::ipv6(std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  address.sin6_addr = in6addr_loopback;
  return HttpClient(connect_to(AF_INET6, address));
}

HttpClient HttpClient::local(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
  return HttpClient(connect_to(AF_UNIX, address));
}

void HttpClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the answer, or its absence, tells
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool HttpClient::fill() {
  std::array<char, 65536> buffer{};
  const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (size <= 0) return false;
  received_.append(buffer.data(), static_cast<std::size_t>(size));
  return true;
}

bool HttpClient::has_answer() {
  char byte = 0;
  return ::recv(socket_.get(), &byte, 1, MSG_PEEK) == 1;
}

bool HttpClient::ends() {
  errno = 0;
  while (fill()) continue;
  // Without an errno the end came; a timeout has EAGAIN.
  return errno == 0 || errno == ECONNRESET;
}

bool HttpClient::closed() {
  char byte = 0;
  return ::recv(socket_.get(), &byte, 1, 0) == 0;
}

HttpAnswer HttpClient::read(bool head) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  std::size_t end = 0;
  while ((end = received_.find(kEnd)) == std::string::npos) {
    if (!fill()) return {};
  }
  HttpAnswer answer;
  const std::string top = received_.substr(0, end);
  received_.erase(0, end + kEnd.size());
  if (top.size() > 12) answer.status = parse_integer<int>(top.substr(9, 3)).value_or(0);
  for (const std::string_view line : split(top, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    answer.headers[lower(line.substr(0, colon))] = std::string(trim(line.substr(colon + 1)));
  }
  const std::size_t length =
      parse_integer<std::size_t>(answer.headers["content-length"]).value_or(0);
  while (!head && received_.size() < length) {
    if (!fill()) return {};
  }
  if (!head && answer.headers["transfer-encoding"] == "chunked") {
    return read_chunks(answer.body) ? answer : HttpAnswer{};
  }
  if (!head) {
    answer.body = received_.substr(0, length);
    received_.erase(0, length);
  }
  return answer;
}

// RFC 9112 section 7.1, without extensions and trailers.
bool HttpClient::read_chunks(std::string& body) {
  constexpr std::string_view kLine = "\r\n";
  while (true) {
    std::size_t end = 0;
    while ((end = received_.find(kLine)) == std::string::npos) {
      if (!fill()) return false;
    }
    const std::size_t size = std::stoul(received_.substr(0, end), nullptr, 16);
    const std::size_t begin = end + kLine.size();
    while (received_.size() < begin + size + kLine.size()) {
      if (!fill()) return false;
    }
    body.append(received_, begin, size);
    received_.erase(0, begin + size + kLine.size());
    if (size == 0) return true;
  }
}

HttpAnswer HttpClient::get(std::string_view path, std::string_view headers) {
  return request("GET", path, headers);
}

HttpAnswer HttpClient::request(std::string_view method, std::string_view path,
                               std::string_view headers) {
  std::string text(method);
  text += ' ';
  text += path;
  text += " HTTP/1.1\r\nHost: localhost\r\n";
  text += headers;
  text += "\r\n";
  send(text);
  return read(method == "HEAD");
}

}  // namespace cgwarden::exporters
