#include "launcher/http_status.h"

#include "base/text.h"

namespace cgwarden::launcher {

std::optional<int> http_status(std::string_view answer) {
  static constexpr std::string_view kVersion = "HTTP/1.";
  const std::size_t end = answer.find('\n');
  if (end == std::string_view::npos || !answer.starts_with(kVersion)) return std::nullopt;
  // "HTTP/1.", one digit, a blank, three digits, and a blank or the end of the line.
  std::string_view line = answer.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  line.remove_prefix(kVersion.size());
  if (line.size() < 5 || line[0] < '0' || line[0] > '9' || line[1] != ' ') return std::nullopt;
  if (line.size() > 5 && line[5] != ' ') return std::nullopt;
  const auto code = parse_integer<int>(line.substr(2, 3));
  return code && *code >= 100 ? code : std::nullopt;
}

}  // namespace cgwarden::launcher
