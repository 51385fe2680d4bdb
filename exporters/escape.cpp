#include "exporters/escape.h"

#include "base/text.h"

namespace cgwarden::exporters {
namespace {

std::string escape(std::string_view text, bool quotes) {
  std::string out;
  out.reserve(text.size() + 8);
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '\\' || (c == '"' && quotes)) out += '\\';
      out += c;
    }
  }
  return out;
}

// printable() of each line: the line feed itself has an escape of its own.
std::string printable_lines(std::string_view text) {
  std::string out;
  for (std::size_t at = 0;;) {
    const std::size_t end = text.find('\n', at);
    out += printable(text.substr(at, end - at));
    if (end == std::string_view::npos) return out;
    out += '\n';
    at = end + 1;
  }
}

}  // namespace

std::string escape_label_value(std::string_view value) {
  return escape(printable_lines(value), true);
}

std::string label(std::string_view name, std::string_view value) {
  std::string out(name);
  out += "=\"";
  out += escape_label_value(value);
  out += '"';
  return out;
}

std::string escape_help(std::string_view help, Exposition exposition) {
  return escape(printable_lines(help), exposition == Exposition::openmetrics_1_0_0);
}

}  // namespace cgwarden::exporters
