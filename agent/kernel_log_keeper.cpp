#include "agent/kernel_log_keeper.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace cgwarden::agent {

using diagnosis::KernelLogLine;
using diagnosis::StoredKernelLogGap;

KernelLogKeeper::KernelLogKeeper()
    : kills_(limits::kKernelLogKillBurst, limits::kKernelLogKillsPerSecond),
      others_(limits::kKernelLogBurst, limits::kKernelLogLinesPerSecond) {}

bool KernelLogKeeper::Bucket::take(Usec now) {
  const std::uint64_t cost_usec = 1'000'000U / per_second;
  if (now > at) {
    used_usec -= std::min(used_usec, (now - at).count());
    at = now;
  }
  if (used_usec + cost_usec > burst * cost_usec) return false;
  used_usec += cost_usec;
  return true;
}

void KernelLogKeeper::add(KernelLogLine line) {
  // What a continuation continues decides for it.
  if (!line.continuation) {
    of_kill_ = diagnosis::names_a_kill(line.text);
    kept_ = (of_kill_ ? kills_ : others_).take(line.when.boottime);
  }
  if (!kept_ || pending_.lines.size() >= limits::kPendingKernelLog) {
    kept_ = false;
    drop(line);
    return;
  }
  pending_.lines.push_back(std::move(line));
}

void KernelLogKeeper::drop(const KernelLogLine& line) {
  ++dropped_;
  if (!std::exchange(dropping_, true)) {
    pending_.gaps.push_back({.reason = StoredKernelLogGap::Reason::dropped,
                             .gap = {line.when.boottime, line.when.boottime, 0},
                             .wall = line.when.wall});
  }
  auto& newest = pending_.gaps.back();
  newest.gap.to = std::max(newest.gap.to, line.when.boottime);
  newest.wall = std::max(newest.wall, line.when.wall);
  ++newest.gap.count;
}

void KernelLogKeeper::add_gap(const StoredKernelLogGap& gap) {
  dropping_ = false;
  // A disk that takes nothing: the gap may grow but is never forgotten.
  if (pending_.gaps.size() >= limits::kKernelLogGaps) {
    auto& newest = pending_.gaps.back();
    newest.gap.to = gap.gap.to;
    newest.gap.count += gap.gap.count;
    newest.wall = gap.wall;
    return;
  }
  pending_.gaps.push_back(gap);
}

void KernelLogKeeper::stored() {
  pending_.lines.clear();
  pending_.gaps.clear();
  dropping_ = false;
}

}  // namespace cgwarden::agent
