#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/text.h"
#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {
namespace {

// The marks stay on a cgroup that outlives the kill: then only the sender tells this kill from one
// by somebody else later.
bool is_an_oomd(const ProcessSeen& sender) {
  return std::ranges::any_of(
      std::array{&sender.comm, &sender.exe, &sender.cgroup},
      [](const std::string* text) { return text->find("oomd") != std::string::npos; });
}

// Made anew for each start, so that what is on it is of this run.
bool is_of_this_run(const DeathCase& death, const std::string& cgroup) {
  return death.payload != nullptr && path_is_at_or_below(death.payload->path, cgroup) &&
         path_is_at_or_below(cgroup, death.evidence.own_top);
}

}  // namespace

std::optional<Verdict> killed_by_oomd(const DeathCase& death) {
  if (!death.signal.by_process()) return std::nullopt;
  const SignalSent& origin = *death.signal.origin;
  if (origin.signal != SIGKILL || origin.oomd_marks.empty()) return std::nullopt;
  const bool known = is_an_oomd(origin.sender);
  if (!known && !is_of_this_run(death, origin.oomd_cgroup)) return std::nullopt;
  Verdict verdict = begin_sent(death, VerdictClass::killed_by_systemd_oomd);
  verdict.subject = Subject::cgroup;
  if (!known) verdict.confidence = Confidence::strong;
  const bool systemd = origin.oomd_marks.begin()->first.starts_with("user.");
  verdict.answer = fmt::format("{} was killed by {} for memory pressure or want of swap: {}",
                               death.evidence.workload, systemd ? "systemd-oomd" : "oomd",
                               sender_text(origin.sender));
  for (const auto& [name, value] : origin.oomd_marks) {
    verdict.evidence.push_back({"xattr", origin.oomd_cgroup, name + "=" + printable(value)});
  }
  verdict.advice.emplace_back(
      "journalctl -u systemd-oomd has the pressure it saw. Give the workload a memory.high or less "
      "to do, or raise ManagedOOMMemoryPressureLimit= of its slice.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
