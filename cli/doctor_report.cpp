#include "cli/doctor_report.h"

#include <fmt/format.h>

#include "base/text.h"

namespace cgwarden::cli {
namespace {

constexpr std::string_view color_of(DoctorLevel level) {
  switch (level) {
    case DoctorLevel::good:
      return "\033[32m";
    case DoctorLevel::limited:
      return "\033[33m";
    case DoctorLevel::broken:
      return "\033[31m";
  }
  return "";
}

}  // namespace

std::string_view to_string(DoctorLevel level) {
  switch (level) {
    case DoctorLevel::good:
      return "good";
    case DoctorLevel::limited:
      return "limited";
    case DoctorLevel::broken:
      return "broken";
  }
  return "broken";
}

std::string render(const std::vector<DoctorFinding>& findings,
                   const diagnosis::ReportStyle& style) {
  std::string text;
  for (const auto& finding : findings) {
    const std::string_view level = to_string(finding.level);
    text += style.color ? fmt::format("{}{:<8}\033[0m", color_of(finding.level), level)
                        : fmt::format("{:<8}", level);
    text += fmt::format("{:<20} {}\n", finding.subject, printable(finding.detail));
    if (!finding.cost.empty()) text += fmt::format("{:<29}{}\n", "", printable(finding.cost));
  }
  return text;
}

}  // namespace cgwarden::cli
