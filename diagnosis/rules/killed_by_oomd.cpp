#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <string_view>

#include "base/text.h"
#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {
namespace {

// Only root makes cgroups there, and the kernel says of which one a sender is.
constexpr std::string_view kUnit = "/system.slice/systemd-oomd.service";

bool is_of_unit(const ProcessSeen& sender) { return path_is_at_or_below(sender.cgroup, kUnit); }

// Any file can have that path in a mount namespace of its own.
bool has_path_of_oomd(const ProcessSeen& sender) {
  return sender.exe == "/usr/lib/systemd/systemd-oomd" || sender.exe == "/lib/systemd/systemd-oomd";
}

// Nothing of it was seen but its number.
bool is_unknown(const ProcessSeen& sender) { return sender.exe.empty() && sender.cgroup.empty(); }

// trusted.* takes CAP_SYS_ADMIN; user.* whoever owns the directory may set.
bool has_trusted_marks(const SignalSent& record) {
  return std::ranges::any_of(record.oomd_marks,
                             [](const auto& mark) { return mark.first.starts_with("trusted."); });
}

// Made anew for each start, so that what is on it is of this run.
bool is_of_this_run(const DeathCase& death, const std::string& cgroup) {
  return death.payload != nullptr && path_is_at_or_below(death.payload->path, cgroup) &&
         path_is_at_or_below(cgroup, death.evidence.own_top);
}

struct Basis {
  Confidence confidence = Confidence::unknown;
  const char* name = "systemd-oomd";
};

// What says that the sender was an oomd; unknown: nothing does.
Basis basis_of(const DeathCase& death, const SignalSent& origin, bool told) {
  const bool marked = !origin.oomd_marks.empty();
  if (is_of_unit(origin.sender)) {
    return {told || marked ? Confidence::proven : Confidence::strong};
  }
  if (told && is_unknown(origin.sender)) return {Confidence::strong};
  if (!marked || !is_of_this_run(death, origin.oomd_cgroup)) return {};
  if (has_trusted_marks(origin)) return {Confidence::strong, "oomd"};
  // Where a unit was seen, systemd-oomd is in its own.
  if (has_path_of_oomd(origin.sender) || is_unknown(origin.sender)) return {Confidence::likely};
  return {};
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
  if (origin.signal != SIGKILL) return std::nullopt;
  const bool told = death.evidence.oomd_kill.has_value();
  const Basis basis = basis_of(death, origin, told);
  if (basis.confidence == Confidence::unknown) return std::nullopt;
  Verdict verdict = begin_sent(death, VerdictClass::killed_by_systemd_oomd);
  verdict.subject = Subject::cgroup;
  verdict.confidence = basis.confidence;
  verdict.answer = fmt::format("{} was killed by {} {}: {}", death.evidence.workload, basis.name,
                               reason_text(death.evidence.oomd_kill), sender_text(origin.sender));
  for (const auto& [name, value] : origin.oomd_marks) {
    verdict.evidence.push_back({"xattr", origin.oomd_cgroup, name + "=" + printable(value)});
  }
  add_bus_signal(death, verdict);
  advise(verdict);
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
