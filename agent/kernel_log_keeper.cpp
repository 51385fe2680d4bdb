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
  const Usec at = line.when.boottime;
  if (dropping_) return grow({at, at, 1}, line.when.wall);
  dropping_ = true;
  add_to(
      {.reason = StoredKernelLogGap::Reason::dropped, .gap = {at, at, 1}, .wall = line.when.wall});
}

void KernelLogKeeper::add_gap(const StoredKernelLogGap& gap) {
  dropping_ = false;
  add_to(gap);
}

// While the disk takes nothing the newest one may grow, and none is forgotten.
void KernelLogKeeper::add_to(const StoredKernelLogGap& gap) {
  if (pending_.gaps.size() >= limits::kKernelLogGaps) return grow(gap.gap, gap.wall);
  pending_.gaps.push_back(gap);
}

void KernelLogKeeper::grow(const diagnosis::KmsgGap& gap, Usec wall) {
  auto& newest = pending_.gaps.back();
  newest.gap.to = std::max(newest.gap.to, gap.to);
  newest.gap.count += gap.count;
  newest.wall = std::max(newest.wall, wall);
}

void KernelLogKeeper::stored() {
  pending_.lines.clear();
  pending_.gaps.clear();
  dropping_ = false;
}

}  // namespace cgwarden::agent
