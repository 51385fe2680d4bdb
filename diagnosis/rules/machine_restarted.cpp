#include <fmt/format.h>

#include "base/clock.h"
#include "base/text.h"
#include "diagnosis/rules/rules.h"

namespace cgwarden::diagnosis::rules {
namespace {

std::string how(const MachineRestart& restart) {
  if (!restart.panic.empty()) return "the kernel panicked";
  // By a shutdown, or by somebody who left the workloads running.
  if (restart.orderly) return "the agent had been stopped before, as a shutdown does";
  return "the machine lost its power, crashed or was reset";
}

}  // namespace

std::optional<Verdict> machine_restarted(const DeathCase& death) {
  if (!death.evidence.machine_restart) return std::nullopt;
  const MachineRestart& restart = *death.evidence.machine_restart;
  // Between the last sign of life and the end of the machine nobody looked.
  Verdict verdict = death.begin(VerdictClass::machine_restarted,
                                restart.panic.empty() ? Confidence::likely : Confidence::strong);
  verdict.subject = Subject::cgroup;
  verdict.answer =
      fmt::format("{} ended with the machine: {}. It was running at {}", death.evidence.workload,
                  how(restart), format_wall_utc(restart.seen));
  verdict.evidence.push_back(
      {"boot_id", "/proc/sys/kernel/random/boot_id",
       fmt::format("{} then, {} now", printable(restart.boot_id), printable(restart.boot_id_now))});
  verdict.evidence.push_back(
      {"store", "running",
       fmt::format("incarnation {} ran when the agent last wrote, and the agent {}",
                   death.evidence.incarnation,
                   restart.orderly ? "then ended as asked" : "wrote nothing of its own end")});
  if (!restart.panic.empty()) {
    verdict.evidence.push_back({"pstore", "/sys/fs/pstore", restart.panic});
  }
  verdict.evidence_lost.emplace_back(
      "what happened between the last sign of life and the restart: the records of the shims are "
      "in "
      "memory");
  verdict.advice.emplace_back(
      restart.orderly
          ? "Nothing points to the workload. `last -x` says whether the machine was shut down, and "
            "who asked for it."
          : "Nothing points to the workload. Look at the machine: `journalctl -b -1 -n 100`, its "
            "management controller, its hypervisor. `cgwarden kmsg` has the kernel log that was "
            "stored.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
