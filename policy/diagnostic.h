#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cgwarden::policy {

// A place in a YAML file, lines and columns from 1; line 0: the file as a whole.
struct SourcePosition {
  std::string file;
  std::size_t line = 0;
  std::size_t column = 0;
  // "file:line:column", or "file".
  [[nodiscard]] std::string text() const;
  bool operator==(const SourcePosition&) const = default;
};

enum class Severity { error, warning };

// One finding about a policy or workload file.
struct Diagnostic {
  Severity severity = Severity::error;
  SourcePosition position;
  std::string message;      // what is wrong: one sentence
  std::string source_line;  // the offending line, without its end
  std::string hint;         // what to write instead; may be empty
  std::string rule{};       // "L03" of lint_rules.h; empty: a mistake of spelling or form
};

// "FILE:LINE:COLUMN: error: MESSAGE [RULE]\n  LINE | text\n       |     ^\n  hint: ..."; control
// bytes of the text are made printable.
[[nodiscard]] std::string render(const Diagnostic& diagnostic);
[[nodiscard]] std::string render(const std::vector<Diagnostic>& diagnostics);

}  // namespace cgwarden::policy
