#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/source_text.h"

namespace cgwarden::policy {

// Collects what is wrong with one text, all of it at once. Errors over limits::kDiagnostics are
// counted only.
class Findings {
 public:
  // Refers to `source`, which must outlive it.
  explicit Findings(const SourceText& source) : source_(source) {}

  [[nodiscard]] const SourceText& source() const { return source_; }
  // `rule` is the id of a rule of lint_rules.h, or empty.
  void error(Place place, std::string message, std::string hint = {}, std::string_view rule = {});
  void error(const SourcePosition& position, std::string message, std::string hint = {},
             std::string_view rule = {});
  void warning(const SourcePosition& position, std::string message, std::string hint = {},
               std::string_view rule = {});

  // The line of a diagnostic, as it is shown: not all of a very long one.
  [[nodiscard]] static std::string line_at(const SourceText& source,
                                           const SourcePosition& position);

  [[nodiscard]] bool has_errors() const { return !errors_.empty(); }
  // In the order of the text; the last one says how many were left out.
  [[nodiscard]] std::vector<Diagnostic> take_errors();
  [[nodiscard]] std::vector<Diagnostic> take_warnings();

 private:
  [[nodiscard]] Diagnostic diagnostic(Severity severity, const SourcePosition& position,
                                      std::string message, std::string hint,
                                      std::string_view rule) const;
  const SourceText& source_;
  std::vector<Diagnostic> errors_;
  std::vector<Diagnostic> warnings_;
  std::size_t left_out_ = 0;
};

}  // namespace cgwarden::policy
