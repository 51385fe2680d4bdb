#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/event_loop.h"
#include "agent/event_sources.h"
#include "base/clock.h"
#include "cgroup/signal_trace.h"
#include "cgroup/tree.h"
#include "diagnosis/signal_book.h"

namespace cgwarden::agent {

// Who sends fatal signals on this node, looked up at once, for the verdicts. On the loop's thread.
class SignalWatch {
 public:
  // Fails where perf_event_open(2) cannot be used, having said so in the log: killers are then not
  // named.
  [[nodiscard]] static Result<std::unique_ptr<SignalWatch>> start(EventLoop& loop,
                                                                  const cgroup::Tree& tree,
                                                                  const Clock& clock);

  // How it goes, for `cgwarden doctor`.
  [[nodiscard]] SourceReport source() const;
  // What was sent to `processes` from `from` to `to`, all that is there by now included.
  [[nodiscard]] diagnosis::SignalEvidence of(const std::set<pid_t>& processes, Usec from, Usec to);
  // Signals of that time which were not seen because a ring overflowed.
  [[nodiscard]] std::uint64_t lost(Usec from, Usec to) const { return book_.lost(from, to); }

 private:
  SignalWatch(const cgroup::Tree& tree, const Clock& clock, cgroup::SignalTrace trace);
  void drain();
  void follow_processors();
  void named(const cgroup::ProcessNamed& name);
  [[nodiscard]] diagnosis::SignalSent seen(const cgroup::SignalGenerated& event, bool look_up);

  const cgroup::Tree* tree_;
  const Clock* clock_;
  cgroup::SignalTrace trace_;
  diagnosis::SignalBook book_;
  bool proc_is_of_init_ = false;
  std::uint64_t lost_ = 0;
  std::string fault_;  // of the processors that could not be followed
  std::map<pid_t, std::string> names_;
  std::deque<pid_t> names_order_;  // oldest first
  EventLoop::Watch watch_;
  EventLoop::Timer timer_;
};

}  // namespace cgwarden::agent
