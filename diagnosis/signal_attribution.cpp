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
// Who sends SIGTERM and SIGKILL at once gives it no time to end.
constexpr Usec kTimeToEnd{100'000};
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

enum class Same { no, program, process };

// Who stops something by two commands (kill, crun kill) is two processes of one program.
Same same_actor(const ProcessSeen& first, const ProcessSeen& second) {
  if (first.pid > 0 && first.pid == second.pid) return Same::process;
  const bool named = !first.exe.empty() ? first.exe == second.exe
                                        : !first.comm.empty() && first.comm == second.comm;
  return named && first.uid == second.uid && first.cgroup == second.cgroup ? Same::program
                                                                           : Same::no;
}

bool stops(const SignalSent& record) {
  return record.delivered() &&
         (record.signal == SIGSTOP ||
          (record.signal == SIGTSTP && record.target_state == TargetState::stopped));
}

// How long the target could run between `term` and `kill`: stopped, it handles nothing.
Usec could_run(const SignalEvidence& signals, const SignalSent& term, const SignalSent& kill) {
  bool stopped = term.target_state == TargetState::stopped;
  Usec since = term.boottime;
  Usec ran{0};
  for (const auto& record : signals.records) {
    if (record.target != kill.target || record.boottime > kill.boottime) continue;
    const bool before = record.boottime < term.boottime;
    if (stops(record)) {
      if (!stopped && !before) ran += record.boottime - since;
      stopped = true;
    } else if (record.signal == SIGCONT && (!before || term.target_state != TargetState::stopped)) {
      if (stopped && !before) since = record.boottime;
      stopped = false;
    }
  }
  return stopped ? ran : ran + (kill.boottime - since);
}

// Nobody could look at it in time, and at the end its cgroup was frozen.
bool frozen_at_the_end(const DeathEvidence& evidence, const SignalSent& term,
                       const SignalSent& kill) {
  const bool looked =
      term.target_state != TargetState::unknown || kill.target_state != TargetState::unknown;
  return !looked && !evidence.cgroups.empty() && evidence.cgroups.front().frozen == true;
}

void judge_term(const DeathEvidence& evidence, const SignalSent& term, const SignalSent& kill,
                Same same, SignalAttribution& found) {
  const SignalEvidence& signals = evidence.signals;
  using Idle = SignalAttribution::Idle;
  const auto is_idle = [&](Idle why) {
    found.idle_term = &term;
    found.idle = why;
  };
  // From one command of a stop to the next: Docker's default is 10 s, Kubernetes' 30, systemd's 90.
  constexpr Usec kProgramWaits{100'000'000};
  if (same == Same::no ||
      (same == Same::program && term.boottime + kProgramWaits < kill.boottime)) {
    return is_idle(Idle::of_another);
  }
  // What is ignored is so at once, whatever its target does.
  if (term.delivered()) {
    if (term.target_state == TargetState::frozen) return is_idle(Idle::frozen);
    if (could_run(signals, term, kill) < kTimeToEnd) {
      if (term.boottime + kTimeToEnd <= kill.boottime) is_idle(Idle::stopped);
      return;
    }
    if (kill.target_state == TargetState::frozen || frozen_at_the_end(evidence, term, kill)) {
      return is_idle(Idle::frozen);
    }
  }
  found.earlier_term = &term;
  // That it went on, if it was stopped, the records say.
  found.term_certain =
      same == Same::process && (!term.delivered() || term.target_state != TargetState::unknown);
}

// The last SIGTERM of who sent the fatal SIGKILL, else that of somebody else.
void find_term(const DeathEvidence& evidence, const SignalSent& fatal, const SignalSent& origin,
               SignalAttribution& found) {
  const SignalSent* last = nullptr;
  Same last_same = Same::no;
  for (const auto& record : evidence.signals.records) {
    if (record.target != fatal.target || record.signal != SIGTERM || !record.by_process() ||
        record.boottime > fatal.boottime || record.boottime + kStopTakes < fatal.boottime) {
      continue;
    }
    const SignalSent* first = evidence.init_pid > 0 && record.sender.pid == evidence.init_pid
                                  ? passed_on(evidence.signals, record)
                                  : nullptr;
    const Same same = same_actor((first != nullptr ? *first : record).sender, origin.sender);
    // One that is sent again with the SIGKILL does not shorten the time since the first.
    const bool at_once = record.boottime + kTimeToEnd > fatal.boottime;
    if (last != nullptr && (same < last_same || (same == last_same && at_once))) continue;
    last = &record;
    last_same = same;
  }
  if (last != nullptr) judge_term(evidence, *last, fatal, last_same, found);
}

}  // namespace

// forget_original_parent() of kernel/exit.c sends it as kill(2) would, once the parent's memory is
// gone and its child has another parent.
SignalAttribution::ParentDeath parent_death_of(const DeathEvidence& evidence,
                                               const SignalSent& sent) {
  using enum SignalAttribution::ParentDeath;
  const bool alike =
      sent.code == 0 && sent.group && sent.target == evidence.main_pid && !sent.is_to_itself();
  if (!alike || evidence.main_parent <= 0 || sent.sender_ended == false) return no;
  const bool still_parent = evidence.parent_at_end == sent.sender.pid;
  const bool by_leader = sent.sender_task == 0 || sent.sender_task == sent.sender.pid;
  if (still_parent && by_leader) return no;
  if (still_parent || sent.sender.pid == evidence.main_parent) return likely;
  const bool moved = evidence.parent_at_end > 0 && evidence.parent_at_end != evidence.main_parent;
  return moved ? possible : no;
}

SignalAttribution attribute_signal(const DeathCase& death) {
  const DeathEvidence& evidence = death.evidence;
  const auto& signals = evidence.signals;
  SignalAttribution found;
  if (evidence.main_exit) {
    found.fatal = fatal_of(signals, evidence.main_pid, *evidence.main_exit);
  } else if (!evidence.init_exit) {
    // Who would have taken down its status was killed too. A SIGKILL that was delivered is one.
    found.fatal = fatal_of(signals, evidence.main_pid, {MainExit::Kind::killed, SIGKILL});
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
  if (found.fatal->signal == SIGKILL) find_term(evidence, *found.fatal, *found.origin, found);
  found.init_too = std::ranges::any_of(signals.records, [&](const SignalSent& record) {
    return record.target == evidence.init_pid && record.target != found.fatal->target &&
           record.signal == SIGKILL && record.by_cgroup_kill() &&
           record.sender.pid == found.fatal->sender.pid;
  });
  if (found.origin == found.fatal) found.parent_death = parent_death_of(evidence, *found.fatal);
  return found;
}

}  // namespace cgwarden::diagnosis
