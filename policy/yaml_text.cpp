#include "policy/yaml_text.h"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::policy {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Offset of the first byte that no line may contain.
std::size_t find_bad_byte(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto byte = static_cast<std::uint8_t>(text[at]);
    const bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F;
    const std::size_t length = utf8_length(text.substr(at));
    if (control || length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

}  // namespace

void check_text(Findings& findings) {
  const std::string_view text = findings.source().text();
  if (text.size() > limits::kYamlFileBytes) {
    findings.error(Place{}, fmt::format("the file has {} bytes, more than the {} allowed",
                                        text.size(), limits::kYamlFileBytes));
    return;
  }
  if (text.starts_with(kByteOrderMark)) {
    findings.error(Place{1, 0}, "the file begins with a byte order mark",
                   "save it as UTF-8 without BOM");
    return;
  }
  const std::size_t bad = find_bad_byte(text);
  if (bad == std::string_view::npos) return;
  const auto byte = static_cast<std::uint8_t>(text[bad]);
  const Place place = findings.source().place_of_offset(bad);
  if (byte == '\r') {
    findings.error(place, "the line ends in CR LF, or has a carriage return",
                   "save the file with Unix line ends: sed -i 's/\\r$//' FILE");
  } else if (byte == 0) {
    findings.error(place, "the file has a NUL byte: it is not a text file");
  } else if (byte < 0x20 || byte == 0x7F) {
    findings.error(place, fmt::format("the file has a control byte (0x{:02x})", byte));
  } else {
    findings.error(place, fmt::format("the byte 0x{:02x} here is not UTF-8", byte),
                   "save the file as UTF-8");
  }
}

}  // namespace cgwarden::policy
