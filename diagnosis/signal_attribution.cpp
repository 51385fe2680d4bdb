#include "diagnosis/signal_attribution.h"

#include <algorithm>
#include <csignal>

#include "diagnosis/death_case.h"

namespace cgwarden::diagnosis {
namespace {

// A signal that init passes on reaches the command in the same instant, on a machine that hangs
// somewhat later.
constexpr Usec kPassedOn{1'000'000};
// From our note of a signal to the kernel's, where its sender could not be looked up.
constexpr Usec kNoted{2'000'000};
// A stop timeout: longer ago, SIGTERM and SIGKILL are two stories.
constexpr Usec kStopTakes{600'000'000};

bool sent_by_target(const SignalSent& record) { return record.sender.pid == record.target; }

// Which of two that arrived one after the other is the fatal one? A handler that raises its signal
// again is not who sent it, unless that was long ago.
bool takes_over(const SignalSent& record, const SignalSent& found) {
  const bool raised = record.by_process() && sent_by_target(record);
  return !raised || (found.by_process() && sent_by_target(found)) ||
         found.boottime + kStopTakes < record.boottime;
}

// The signal that made `exit` of `process`. SIGKILL kills at once, so the first counts; others may
// have been handled before.
const SignalSent* fatal_of(const SignalEvidence& signals, pid_t process, const MainExit& exit) {
  if (exit.kind == MainExit::Kind::exited || process <= 0) return nullptr;
  const SignalSent* found = nullptr;
  for (const auto& record : signals.records) {
    if (record.target != process || record.signal != exit.status || !record.delivered()) continue;
    if (exit.status == SIGKILL) return &record;
    if (found == nullptr || takes_over(record, *found)) found = &record;
  }
  return found;
}

const SignalSent* passed_on(const SignalEvidence& signals, const SignalSent& by_init) {
  const SignalSent* found = nullptr;
  for (const auto& record : signals.records) {
    if (record.target == by_init.sender.pid && record.signal == by_init.signal &&
        record.boottime <= by_init.boottime && record.boottime + kPassedOn >= by_init.boottime) {
      found = &record;
    }
  }
  return found;
}

bool is_ours(const DeathEvidence& evidence, const SignalSent& origin) {
  if (!origin.by_process()) return false;
  if (origin.sender.pid > 0 && origin.sender.pid == evidence.agent_pid) return true;
  if (!origin.sender.exe.empty() || !origin.sender.comm.empty()) return false;
  return std::ranges::any_of(evidence.own_actions, [&](const OwnAction& action) {
    return action.signal == origin.signal && action.boottime <= origin.boottime &&
           action.boottime + kNoted >= origin.boottime;
  });
}

const SignalSent* term_before(const SignalEvidence& signals, const SignalSent& fatal) {
  const SignalSent* found = nullptr;
  for (const auto& record : signals.records) {
    if (record.target == fatal.target && record.signal == SIGTERM && record.by_process() &&
        record.boottime <= fatal.boottime && record.boottime + kStopTakes >= fatal.boottime) {
      found = &record;
    }
  }
  return found;
}

}  // namespace

SignalAttribution attribute_signal(const DeathCase& death) {
  const DeathEvidence& evidence = death.evidence;
  const auto& signals = evidence.signals;
  SignalAttribution found;
  if (evidence.main_exit) {
    found.fatal = fatal_of(signals, evidence.main_pid, *evidence.main_exit);
  }
  const bool from_kernel = found.fatal != nullptr && found.fatal->code == SignalSent::kFromKernel;
  const bool by_init =
      from_kernel && evidence.init_pid > 0 && found.fatal->sender.pid == evidence.init_pid;
  if (by_init || (death.only_init_seen && evidence.init_exit)) {
    found.namespace_ended = by_init;
    const MainExit killed{MainExit::Kind::killed, SIGKILL};
    const auto* of_init = fatal_of(signals, evidence.init_pid, evidence.init_exit.value_or(killed));
    if (of_init != nullptr) found.fatal = of_init;
  }
  if (found.fatal == nullptr) return found;
  found.origin = found.fatal;
  if (found.fatal->by_process() && evidence.init_pid > 0 &&
      found.fatal->sender.pid == evidence.init_pid) {
    if (const auto* first = passed_on(signals, *found.fatal)) found.origin = first;
  }
  found.ours = is_ours(evidence, *found.origin);
  if (found.fatal->signal == SIGKILL) found.earlier_term = term_before(signals, *found.fatal);
  return found;
}

}  // namespace cgwarden::diagnosis
