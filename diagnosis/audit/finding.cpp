#include "diagnosis/audit/finding.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace cgwarden::diagnosis::audit {
namespace {

// In the order of the enumeration.
constexpr std::array<std::string_view, 5> kNames{"info", "low", "medium", "high", "critical"};

}  // namespace

std::string_view to_string(Severity severity) {
  return kNames.at(static_cast<std::size_t>(severity));
}

std::optional<Severity> severity_from(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Severity>(found - kNames.begin());
}

std::optional<Severity> Audit::worst() const {
  if (findings.empty()) return std::nullopt;
  return std::ranges::max(findings, {}, &Finding::severity).severity;
}

bool Audit::reaches(Severity severity) const {
  return std::ranges::any_of(findings, [&](const auto& one) { return one.severity >= severity; }) ||
         std::ranges::any_of(not_checked, [&](const auto& one) { return one.worst >= severity; });
}

}  // namespace cgwarden::diagnosis::audit
