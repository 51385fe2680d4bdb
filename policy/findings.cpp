#include "policy/findings.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::policy {
namespace {

// A line is shown to be recognised; a file of one 1 MiB line would not be.
constexpr std::size_t kShownLineBytes = 400;
constexpr std::size_t kShownColumn = 300;

std::string shown_line(std::string_view line, std::size_t column) {
  if (line.size() <= kShownLineBytes) return std::string(line);
  if (column > kShownColumn) return {};
  std::size_t end = 0;
  while (end < kShownLineBytes) {
    const std::size_t length = utf8_length(line.substr(end));
    end += length == 0 ? 1 : length;
  }
  return std::string(line.substr(0, end)) + "...";
}

void sort_by_place(std::vector<Diagnostic>& diagnostics) {
  std::ranges::stable_sort(diagnostics, [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.position.line, a.position.column) <
           std::tie(b.position.line, b.position.column);
  });
}

// The same rule may look at one knob twice: with its policy and with a template.
bool is_said(const std::vector<Diagnostic>& said, const SourcePosition& position,
             const std::string& message) {
  return std::ranges::any_of(said, [&](const Diagnostic& other) {
    return other.position.line == position.line && other.position.column == position.column &&
           other.position.file == position.file && other.message == message;
  });
}

}  // namespace

std::string Findings::line_at(const SourceText& source, const SourcePosition& position) {
  return shown_line(source.line(position.line), position.column);
}

Diagnostic Findings::diagnostic(Severity severity, const SourcePosition& position,
                                std::string message, std::string hint,
                                std::string_view rule) const {
  const bool here = position.file == source_.file();
  return {severity,           position,
          std::move(message), here ? line_at(source_, position) : std::string(),
          std::move(hint),    std::string(rule)};
}

void Findings::error(Place place, std::string message, std::string hint, std::string_view rule) {
  error(source_.position(place), std::move(message), std::move(hint), rule);
}

void Findings::error(const SourcePosition& position, std::string message, std::string hint,
                     std::string_view rule) {
  if (is_said(errors_, position, message)) return;
  if (errors_.size() >= limits::kDiagnostics) {
    ++left_out_;
    return;
  }
  errors_.push_back(
      diagnostic(Severity::error, position, std::move(message), std::move(hint), rule));
}

void Findings::warning(const SourcePosition& position, std::string message, std::string hint,
                       std::string_view rule) {
  if (warnings_.size() >= limits::kDiagnostics || is_said(warnings_, position, message)) return;
  warnings_.push_back(
      diagnostic(Severity::warning, position, std::move(message), std::move(hint), rule));
}

std::vector<Diagnostic> Findings::take_errors() {
  sort_by_place(errors_);
  if (left_out_ > 0) {
    errors_.push_back({Severity::error, source_.position({}),
                       std::to_string(left_out_) + " more errors are not shown", "", ""});
  }
  return std::move(errors_);
}

std::vector<Diagnostic> Findings::take_warnings() {
  sort_by_place(warnings_);
  return std::move(warnings_);
}

}  // namespace cgwarden::policy
