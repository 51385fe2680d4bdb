#include "agent/signal_watch.h"

#include <sys/epoll.h>

#include <algorithm>
#include <csignal>
#include <utility>
#include <variant>

#include "agent/process_lookup.h"
#include "base/limits.h"
#include "base/log.h"

namespace cgwarden::agent {
namespace {

// A processor that comes is noticed this late; the look costs an interrupt on each.
constexpr Usec kProcessorsInterval{10'000'000};
constexpr const char* kEffect = "verdicts do not name who sent a signal";

// Whether it can act on the signal. Of one that has ended its cgroup may still be known.
diagnosis::TargetState state_of_target(const cgroup::Tree& tree, const diagnosis::SignalSent& sent,
                                       const TargetSeen& target) {
  using enum diagnosis::TargetState;
  if (!target.cgroup.empty() && (sent.signal == SIGTERM || sent.signal == SIGKILL) &&
      is_to_freeze(tree, target.cgroup)) {
    return frozen;
  }
  if (!target.state) return unknown;
  return *target.state == 'T' || *target.state == 't' ? stopped : able;
}

}  // namespace

SignalWatch::SignalWatch(const cgroup::Tree& tree, const Clock& clock, cgroup::SignalTrace trace)
    : tree_(&tree),
      clock_(&clock),
      trace_(std::move(trace)),
      proc_is_of_init_(proc_is_of_init_namespace()) {
  book_.begin(clock.now().boottime);
}

Result<std::unique_ptr<SignalWatch>> SignalWatch::start(EventLoop& loop, const cgroup::Tree& tree,
                                                        const Clock& clock) {
  const auto failed = [](const Error& error) {
    log::warning("signal_trace_off", {{"error", error.sentence()}, {"effect", kEffect}});
    return fail(error);
  };
  auto trace = cgroup::SignalTrace::open();
  if (!trace) return failed(trace.error());
  std::unique_ptr<SignalWatch> watch(new SignalWatch(tree, clock, std::move(*trace)));
  auto* self = watch.get();
  auto added = loop.add(self->trace_.fd(), EPOLLIN, [self](std::uint32_t) { self->drain(); });
  if (!added) return failed(added.error());
  watch->watch_ = std::move(*added);
  auto timer =
      loop.timer(kProcessorsInterval, kProcessorsInterval, [self] { self->follow_processors(); });
  if (!timer) return failed(timer.error());
  watch->timer_ = std::move(*timer);
  return watch;
}

void SignalWatch::follow_processors() {
  const auto opened = trace_.follow_processors();
  const Usec now = clock_->now().boottime;
  fault_ = opened ? std::string() : opened.error().sentence();
  if (!opened) {
    book_.lose(now, 1);
    log::warning("signal_trace_partial", {{"error", fault_}, {"effect", kEffect}});
  } else if (*opened > 0) {
    // What it ran before that was not seen.
    book_.lose(now, 1);
    log::info("signal_trace_processors", {{"opened", std::to_string(*opened)}});
  }
}

SourceReport SignalWatch::source() const {
  if (!fault_.empty()) return {SourceState::limited, fault_};
  constexpr Usec kHour{3'600'000'000};
  const Usec now = clock_->now().boottime;
  if (const std::uint64_t lost = book_.lost(now - std::min(now, kHour), now); lost > 0) {
    return {SourceState::limited, std::to_string(lost) +
                                      " records were overwritten before they were read (LOST) in "
                                      "the last hour"};
  }
  return {SourceState::live, "on " + std::to_string(trace_.processors()) + " processors"};
}

void SignalWatch::named(const cgroup::ProcessNamed& name) {
  const auto [at, fresh] = names_.insert_or_assign(name.pid, name.comm);
  if (!fresh) return;
  names_order_.push_back(at->first);
  if (names_order_.size() <= limits::kProcessNames) return;
  names_.erase(names_order_.front());
  names_order_.pop_front();
}

diagnosis::SignalSent SignalWatch::seen(const cgroup::SignalGenerated& event, bool look_up) {
  diagnosis::SignalSent sent;
  sent.boottime = event.boottime;
  sent.signal = event.signal;
  sent.code = event.code;
  sent.group = event.group;
  sent.result = event.result;
  sent.target = event.target;
  sent.target_task = event.target;
  sent.sender_task = event.sender_task;
  sent.sender.pid = event.sender;
  // Its thread may be gone when it is looked for.
  if (proc_is_of_init_ && event.sender_task == event.target && event.sender > 0) {
    sent.target = event.sender;
  }
  if (look_up && proc_is_of_init_ && !sent.is_kernels_kill()) {
    if (event.sender > 0) {
      sent.sender_ended = is_ending("/proc", event.sender, event.sender_task);
      sent.sender = look_up_process(*tree_, "/proc", event.sender, event.boottime);
    }
    const TargetSeen target = look_up_target(*tree_, "/proc", event.target, event.boottime);
    if (target.process > 0) sent.target = target.process;
    sent.target_cgroup = target.cgroup;
    sent.target_tracer = target.tracer;
    sent.target_is_namespace_init = target.namespace_init;
    sent.target_state = state_of_target(*tree_, sent, target);
    if (event.signal == SIGKILL && sent.by_process() && !target.cgroup.empty()) {
      sent.oomd_marks = oomd_marks(*tree_, target.cgroup, sent.oomd_cgroup);
    }
  }
  if (sent.sender.comm.empty()) {
    const auto name = names_.find(event.sender);
    if (name != names_.end()) sent.sender.comm = name->second;
  }
  if (sent.sender.cgroup.empty() && event.sender_cgroup) {
    sent.sender.cgroup = cgroup_path_of(*tree_, *event.sender_cgroup);
  }
  return sent;
}

void SignalWatch::drain() {
  std::size_t looked_up = 0;
  for (const auto& record : trace_.drain()) {
    if (const auto* name = std::get_if<cgroup::ProcessNamed>(&record)) named(*name);
    if (const auto* event = std::get_if<cgroup::SignalGenerated>(&record)) {
      // Who writes to a broken pipe is its own sender: nothing is to be looked up.
      const bool asks = event->signal != SIGPIPE || event->group;
      book_.add(seen(*event, asks && looked_up++ < limits::kSendersLookedUp));
    }
  }
  if (trace_.lost() == lost_) return;
  book_.lose(clock_->now().boottime, trace_.lost() - lost_);
  log::warning("signal_trace_overrun", {{"records", std::to_string(trace_.lost() - lost_)}});
  lost_ = trace_.lost();
}

diagnosis::SignalEvidence SignalWatch::of(const std::set<pid_t>& processes, Usec from, Usec to) {
  drain();
  return book_.of(processes, from, to);
}

}  // namespace cgwarden::agent
