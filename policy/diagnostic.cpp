#include "policy/diagnostic.h"

#include <fmt/format.h>

#include "base/text.h"

namespace cgwarden::policy {
namespace {

std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (const char byte : text) {
    if ((static_cast<unsigned char>(byte) & 0xC0U) != 0x80U) ++count;
  }
  return count;
}

// The first `count` characters.
std::string_view head(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  while (at < text.size() && count > 0) {
    const std::size_t length = utf8_length(text.substr(at));
    at += length == 0 ? 1 : length;
    --count;
  }
  return text.substr(0, at);
}

}  // namespace

std::string SourcePosition::text() const {
  if (line == 0) return file;
  return fmt::format("{}:{}:{}", file, line, column);
}

std::string render(const Diagnostic& diagnostic) {
  const SourcePosition& at = diagnostic.position;
  std::string out = fmt::format("{}: {}: {}{}\n", printable(at.text()),
                                diagnostic.severity == Severity::error ? "error" : "warning",
                                printable(diagnostic.message),
                                diagnostic.rule.empty() ? "" : " [" + diagnostic.rule + "]");
  if (at.line != 0 && !diagnostic.source_line.empty()) {
    const std::string number = fmt::format("  {}", at.line);
    // The caret stands under the shown text, in which a control byte is several characters wide.
    const std::size_t before =
        at.column == 0 ? 0 : characters(printable(head(diagnostic.source_line, at.column - 1)));
    out += fmt::format("{} | {}\n", number, printable(diagnostic.source_line));
    out += fmt::format("{:{}} | {:{}}^\n", "", number.size(), "", before);
  }
  if (!diagnostic.hint.empty()) out += fmt::format("  hint: {}\n", printable(diagnostic.hint));
  return out;
}

std::string render(const std::vector<Diagnostic>& diagnostics) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) out += render(diagnostic);
  return out;
}

}  // namespace cgwarden::policy
