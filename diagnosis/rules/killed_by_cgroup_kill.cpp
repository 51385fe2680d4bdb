#include <fmt/format.h>

#include <csignal>

#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {

std::optional<Verdict> killed_by_cgroup_kill(const DeathCase& death) {
  if (!death.signal.by_process()) return std::nullopt;
  const SignalSent& origin = *death.signal.origin;
  if (origin.signal != SIGKILL || !origin.by_cgroup_kill()) return std::nullopt;
  // PTRACE_KILL of ptrace(2) sends it in the same way, to one alone.
  if (origin.target_tracer == origin.sender.pid) return std::nullopt;
  const bool alone = death.evidence.init_pid > 0 && !death.signal.init_too &&
                     origin.target != death.evidence.init_pid;
  if (alone && (!origin.target_tracer || origin.is_to_itself())) return std::nullopt;
  Verdict verdict = begin_sent(death, VerdictClass::killed_by_cgroup_kill);
  if (!origin.target_tracer && !death.signal.init_too) verdict.confidence = Confidence::strong;
  verdict.subject = Subject::cgroup;
  verdict.answer = fmt::format("{} was killed with its whole cgroup: {} wrote to cgroup.kill",
                               death.evidence.workload, sender_text(origin.sender));
  if (origin.is_to_itself()) {
    // rt_tgsigqueueinfo(2) to itself looks the same.
    verdict.confidence = Confidence::likely;
    verdict.answer = fmt::format(
        "{} was killed by itself (pid {}): it wrote to cgroup.kill, or sent itself SIGKILL so",
        death.evidence.workload, origin.target);
  }
  verdict.advice.emplace_back(
      "Ask its owner: cgroup.kill of this cgroup or of one above it ends every process at once.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
