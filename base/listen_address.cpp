#include "base/listen_address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include "base/text.h"

namespace cgwarden {
namespace {

constexpr std::string_view kForms =
    "expected 127.0.0.1:9753, [::1]:9753, :9753 or unix:/absolute/path";

auto malformed(std::string_view text, std::string_view why) {
  std::string detail(why);
  if (detail.empty()) detail = kForms;
  return fail(Error::invalid("listen on", printable(text), std::move(detail)));
}

Result<ListenAddress> parse_unix(std::string_view text, std::string_view path) {
  if (!path.starts_with('/')) return malformed(text, "the path of a unix socket must be absolute");
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return malformed(text, "the path of a unix socket may have 107 bytes");
  }
  if (path.find('\0') != std::string_view::npos) return malformed(text, {});
  return ListenUnix{std::string(path)};
}

}  // namespace

Result<ListenAddress> parse_listen_address(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) return parse_unix(text, text.substr(kUnix.size()));

  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed(text, {});
  const auto port = parse_integer<std::uint16_t>(text.substr(colon + 1));
  if (!port) return malformed(text, "the port must be a number from 0 to 65535");

  std::string_view host = text.substr(0, colon);
  if (host.empty()) return ListenAny{*port};
  if (host.find('\0') != std::string_view::npos) return malformed(text, {});
  if (host.starts_with('[') && host.ends_with(']')) {
    ListenIpv6 address{.port = *port};
    const std::string inside(host.substr(1, host.size() - 2));
    if (::inet_pton(AF_INET6, inside.c_str(), &address.host) != 1) return malformed(text, {});
    return address;
  }
  ListenIpv4 address{.port = *port};
  if (::inet_pton(AF_INET, std::string(host).c_str(), &address.host) != 1) {
    return malformed(text, {});
  }
  return address;
}

}  // namespace cgwarden
