#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "exporters/view.h"
#include "exporters/web_page_source.h"

namespace cgwarden::exporters {

// The page for people at `/`: its files, built into the program, and the data that its script asks
// for below /api/v1/. It changes nothing and loads nothing from elsewhere.
struct WebPageRequest {
  std::string path;
  std::string host = {};  // the Host header
  std::string name = {};  // query arguments; empty: not given
  std::string cgroup = {};
  std::string hours = {};
  // The last words of a command and the names on a node are not for everybody: the client is on
  // this machine, or has given a password or a certificate.
  bool trusted = false;
  // It has given a password or a certificate: only then the last words are shown, because every
  // local user and a proxy on this machine are clients on this machine.
  bool authenticated = false;
};

struct WebPageAnswer {
  unsigned status = 200;
  std::string_view content_type;
  std::string body;
};

// nullopt: not a path of the page. `view` is null before the first sample; `wall` is now.
[[nodiscard]] std::optional<WebPageAnswer> web_page(const WebPageRequest& request, const View* view,
                                                    const WebPageSource& source, Usec wall);
[[nodiscard]] bool is_web_page_path(std::string_view path);

// Content-Security-Policy of all of it: nothing but what this endpoint serves.
inline constexpr const char* kWebPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' "
    "data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace cgwarden::exporters
