#pragma once

#include <optional>
#include <string_view>

namespace cgwarden::launcher {

// The status code of an answer that begins with "HTTP/1.1 200 OK" (RFC 9112, 4); nullopt when it
// does not, or when its first line is not complete.
[[nodiscard]] std::optional<int> http_status(std::string_view answer);

}  // namespace cgwarden::launcher
