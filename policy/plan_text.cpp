#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "policy/plan.h"

namespace cgwarden::policy {
namespace {

std::string by(const std::string& policy, const SourcePosition& position) {
  std::string text = fmt::format("policy {}", printable(policy));
  if (position.line > 0) {
    text += fmt::format(" ({}:{})", printable(position.file), position.line);
  }
  return text;
}

std::string line_of(const Write& write) {
  std::string text =
      fmt::format("{:<16}  {} -> {}   {}", write.file, with_meaning("", write.old_value),
                  with_meaning(write.file, write.new_value), by(write.policy, write.position));
  if (!write.losers.empty()) {
    text += fmt::format(", over {}", printable(fmt::format("{}", fmt::join(write.losers, ", "))));
  }
  if (write.effective && write.effective->by != write.cgroup) {
    text +=
        fmt::format(", effective {} by {}", write.effective->value, printable(write.effective->by));
  }
  if (write.through == Through::systemd) text += ", by way of systemd";
  if (write.step) text += ", until what it is in the way of is in force";
  if (write.mode == Mode::plan) text += ", mode plan: not written";
  return text;
}

std::string line_of_later(const Write& write) { return line_of(write) + ", after the above"; }

std::string line_of(const Skip& skip) {
  const std::string rule = skip.rule.empty() ? "" : fmt::format(" [{}]", skip.rule);
  return fmt::format("{:<16}  skipped: {}{}   {}", skip.file, printable(skip.reason), rule,
                     by(skip.policy, skip.position));
}

}  // namespace

std::string with_meaning(std::string_view file, const std::string& value) {
  const bool protection_or_limit = file.starts_with("memory.") && file != "memory.oom.group";
  if (protection_or_limit) {
    const auto bytes = parse_integer<std::uint64_t>(value);
    if (bytes && *bytes > 0) return fmt::format("{} ({})", value, human_bytes(Bytes{*bytes}));
  }
  if (file == "cpu.max") {
    const auto parts = split(value, ' ');
    const auto quota = parse_integer<std::uint64_t>(parts[0]);
    const auto period = parts.size() == 2 ? parse_integer<std::uint64_t>(parts[1]) : std::nullopt;
    if (quota && period && *period > 0) {
      return fmt::format("{} ({:.3g} CPUs)", value,
                         static_cast<double>(*quota) / static_cast<double>(*period));
    }
  }
  // One line for each device.
  std::string line = value;
  std::ranges::replace(line, '\n', ';');
  return printable(line);
}

std::string render(const Plan& plan) {
  std::map<std::string, std::vector<std::string>> lines;  // by cgroup
  for (const Write& write : plan.writes) lines[write.cgroup].push_back(line_of(write));
  for (const Write& write : plan.later) lines[write.cgroup].push_back(line_of_later(write));
  for (const Skip& skip : plan.skips) lines[skip.cgroup].push_back(line_of(skip));
  std::string out;
  for (const auto& [cgroup, of_cgroup] : lines) {
    out += printable(cgroup) + "\n";
    for (const std::string& line : of_cgroup) out += "  " + line + "\n";
  }
  if (lines.empty()) out = "nothing to change\n";
  return out + render(plan.warnings);
}

}  // namespace cgwarden::policy
