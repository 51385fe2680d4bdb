#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "exporters/http_basic.h"
#include "exporters/http_state.h"

struct MHD_Connection;

namespace cgwarden::exporters {

// One request of libmicrohttpd and what is said to it. The functions that answer return false when
// the connection must be closed instead.
class HttpReply {
 public:
  // `state` must outlive the response, which may be sent after this object is gone.
  HttpReply(HttpState& state, const Protection& protection, MHD_Connection* connection)
      : state_(state), protection_(protection), connection_(connection) {}

  [[nodiscard]] bool has_body() const;
  // Of an Authorization header of the Basic scheme.
  [[nodiscard]] std::optional<BasicUser> user() const;

  // `target` without its query.
  [[nodiscard]] bool by(std::string_view target, std::string_view method) const;
  [[nodiscard]] bool too_many() const;
  [[nodiscard]] bool unauthorized() const;

 private:
  struct Text {
    unsigned status;
    std::string_view text;  // a constant
    const char* header = nullptr;
    const char* value = nullptr;
  };
  [[nodiscard]] bool say(const Text& text) const;
  enum class Page { metrics, cadvisor, agent };
  [[nodiscard]] bool page(Page which, std::shared_ptr<const PublishedView> view, bool head) const;
  [[nodiscard]] bool web_page(std::string_view path,
                              std::optional<std::string_view> authority) const;
  // By a proxy that says so.
  [[nodiscard]] bool is_proxied() const;
  // The client has shown who it is.
  [[nodiscard]] bool authenticated() const;
  // It has, or is on this machine.
  [[nodiscard]] bool trusted() const;
  [[nodiscard]] std::string header(std::string_view name) const;
  [[nodiscard]] std::string argument(const char* name) const;

  HttpState& state_;
  const Protection& protection_;
  MHD_Connection* connection_;
};

}  // namespace cgwarden::exporters
