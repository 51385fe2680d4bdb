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

// "for memory pressure", as systemd-oomd itself says or as is to be assumed.
std::string reason_text(const std::optional<OomdKill>& told) {
  if (!told) return "for memory pressure or want of swap";
  if (told->reason == "memory-pressure") return "for memory pressure";
  if (told->reason == "memory-used") return "for want of memory and swap";
  return "for the reason " + printable(told->reason);
}

void add_bus_signal(const DeathCase& death, Verdict& verdict) {
  if (!death.evidence.oomd_kill) return;
  verdict.evidence.push_back({"D-Bus", "org.freedesktop.oom1.Manager.Killed",
                              printable(death.evidence.oomd_kill->cgroup) + ", " +
                                  printable(death.evidence.oomd_kill->reason)});
}

void advise(Verdict& verdict) {
  verdict.advice.emplace_back(
      "journalctl -u systemd-oomd has the pressure it saw. Give the workload a memory.high or less "
      "to do, or raise ManagedOOMMemoryPressureLimit= of its slice.");
}

// The sender was not seen, and systemd-oomd says that it was it.
std::optional<Verdict> killed_as_oomd_says(const DeathCase& death) {
  const auto& told = death.evidence.oomd_kill;
  if (!told || death.signal.by_process() || !death.main_sigkilled) return std::nullopt;
  Verdict verdict = death.begin(VerdictClass::killed_by_systemd_oomd, Confidence::strong);
  verdict.subject = Subject::cgroup;
  verdict.actor = Actor{std::nullopt, "systemd-oomd"};
  verdict.answer =
      fmt::format("{} was killed by systemd-oomd {}", death.evidence.workload, reason_text(told));
  add_bus_signal(death, verdict);
  if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
  advise(verdict);
  return verdict;
}

}  // namespace

std::optional<Verdict> killed_by_oomd(const DeathCase& death) {
  if (auto told = killed_as_oomd_says(death)) return told;
  if (!death.signal.by_process()) return std::nullopt;
  const SignalSent& origin = *death.signal.origin;
  const bool told = death.evidence.oomd_kill.has_value();
  if (origin.signal != SIGKILL || (origin.oomd_marks.empty() && !told)) return std::nullopt;
  const bool known = is_an_oomd(origin.sender);
  if (!known && !is_of_this_run(death, origin.oomd_cgroup)) return std::nullopt;
  Verdict verdict = begin_sent(death, VerdictClass::killed_by_systemd_oomd);
  verdict.subject = Subject::cgroup;
  if (!known) verdict.confidence = Confidence::strong;
  const bool systemd = told || origin.oomd_marks.begin()->first.starts_with("user.");
  verdict.answer = fmt::format("{} was killed by {} {}: {}", death.evidence.workload,
                               systemd ? "systemd-oomd" : "oomd",
                               reason_text(death.evidence.oomd_kill), sender_text(origin.sender));
  for (const auto& [name, value] : origin.oomd_marks) {
    verdict.evidence.push_back({"xattr", origin.oomd_cgroup, name + "=" + printable(value)});
  }
  add_bus_signal(death, verdict);
  advise(verdict);
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
