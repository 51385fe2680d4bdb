#include "cli/audit_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace cgwarden::cli {
namespace {

using diagnosis::ReportStyle;
using diagnosis::audit::Audit;
using diagnosis::audit::Finding;
using diagnosis::audit::Severity;

constexpr std::size_t kIndent = 11;  // of the text below a finding's id

std::string_view color_of(Severity severity) {
  switch (severity) {
    case Severity::critical:
      return "\033[1;31m";
    case Severity::high:
      return "\033[31m";
    case Severity::medium:
      return "\033[33m";
    default:
      return "";
  }
}

// Wrapped at blanks; a word longer than the line stands alone.
std::string paragraph(std::string_view text, const ReportStyle& style) {
  const std::string indent(kIndent, ' ');
  std::string out;
  std::string line = indent;
  const std::string safe = printable(text);
  for (const auto word : split(safe, ' ')) {
    if (line.size() > kIndent && line.size() + 1 + word.size() > style.width) {
      out += line + "\n";
      line = indent;
    }
    if (line.size() > kIndent) line += ' ';
    line += word;
  }
  return out + line + "\n";
}

std::string finding_text(const Finding& finding, const ReportStyle& style) {
  const std::string_view name = to_string(finding.severity);
  std::string text = style.color ? fmt::format("{}{:<8}\033[0m   {}\n", color_of(finding.severity),
                                               name, finding.id)
                                 : fmt::format("{:<8}   {}\n", name, finding.id);
  text += paragraph("Seen: " + finding.seen + " (" + finding.source + ")", style);
  text += paragraph("Why: " + finding.why, style);
  return text + paragraph("Remedy: " + finding.remedy, style);
}

std::string worst_of(const Audit& audit) {
  const auto worst = audit.worst();
  if (worst) return std::string(to_string(*worst));
  return audit.not_checked.empty() ? "none" : "unknown";
}

std::string summary(const Audit& audit) {
  if (audit.findings.empty() && audit.not_checked.empty()) return "nothing found";
  std::string text =
      fmt::format("{} finding{}", audit.findings.size(), audit.findings.size() == 1 ? "" : "s");
  if (const auto worst = audit.worst()) text += fmt::format(", the worst {}", to_string(*worst));
  if (!audit.not_checked.empty()) {
    text += fmt::format("; {} not checked", audit.not_checked.size());
  }
  return text;
}

}  // namespace

// What was not looked at may be as bad as can be.
bool AuditAnswer::failed() const {
  return fail_on && (unseen > 0 || std::ranges::any_of(list, [&](const auto& entry) {
                       return entry.audit.reaches(*fail_on);
                     }));
}

std::string audit_text(const AuditedContainer& audited, const ReportStyle& style) {
  const Audit& audit = audited.audit;
  const std::string headline =
      fmt::format("{} (pid {}, {}): {}.", printable(audited.container.name), audited.container.pid,
                  printable(audited.comm), summary(audit));
  std::string text = style.color ? "\033[1m" + headline + "\033[0m\n" : headline + "\n";
  if (!audited.cgroup.empty()) text += "cgroup " + printable(audited.cgroup) + "\n";
  for (const auto& finding : audit.findings) text += "\n" + finding_text(finding, style);
  if (audit.not_checked.empty()) return text;
  text += "\nNot checked\n";
  for (const auto& skipped : audit.not_checked) {
    text += fmt::format("  {} (could be {})\n", skipped.check, to_string(skipped.worst));
    text += paragraph(skipped.reason, style);
  }
  return text;
}

std::string audit_table(const std::vector<AuditedContainer>& list) {
  static constexpr std::size_t kNameShown = 32;  // an id of 64 digits is told by the first 12
  std::size_t width = 4;
  for (const auto& entry : list) {
    width = std::max(width, std::min(printable(entry.container.name).size(), kNameShown));
  }
  std::string text = fmt::format(
      "{:<{}}  {:>8}  {:<10}  {:<8}  {:>8}  {:>4}  {:>6}  {:>3}  {:>9}  {}\n", "NAME", width, "PID",
      "RUNTIME", "WORST", "CRITICAL", "HIGH", "MEDIUM", "LOW", "UNCHECKED", "COMMAND");
  for (const auto& entry : list) {
    const auto count = [&](Severity severity) {
      return std::ranges::count(entry.audit.findings, severity, &Finding::severity);
    };
    std::string name = printable(entry.container.name);
    if (name.size() > kNameShown) name.resize(kNameShown);
    text +=
        fmt::format("{:<{}}  {:>8}  {:<10}  {:<8}  {:>8}  {:>4}  {:>6}  {:>3}  {:>9}  {}\n", name,
                    width, entry.container.pid, entry.container.runtime, worst_of(entry.audit),
                    count(Severity::critical), count(Severity::high), count(Severity::medium),
                    count(Severity::low), entry.audit.not_checked.size(), printable(entry.comm));
  }
  return text;
}

}  // namespace cgwarden::cli
