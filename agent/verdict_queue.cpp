#include "agent/verdict_queue.h"

#include <algorithm>
#include <utility>

namespace cgwarden::agent {
namespace {

// A reader holds the store for a moment; a disk is full until somebody comes.
constexpr Usec kFirstWait{1'000'000};
constexpr Usec kLongestWait{30'000'000};
// In one transaction: what ends at once on a busy node, a few milliseconds.
constexpr std::size_t kTogether = 128;

}  // namespace

void VerdictQueue::add(diagnosis::Verdict verdict) {
  // As the store: one row for one stall.
  const auto same = std::ranges::find_if(waiting_, [&](const diagnosis::Verdict& other) {
    return !verdict.death && other.verdict == verdict.verdict &&
           other.incarnation == verdict.incarnation && other.from.wall == verdict.from.wall &&
           other.workload == verdict.workload;
  });
  if (same != waiting_.end()) {
    *same = std::move(verdict);
    return;
  }
  waiting_.push_back(std::move(verdict));
  if (waiting_.size() <= most_) return;
  const auto stall =
      std::ranges::find_if(waiting_, [](const diagnosis::Verdict& each) { return !each.death; });
  waiting_.erase(stall != waiting_.end() ? stall : waiting_.begin());
  ++dropped_;
}

Status VerdictQueue::store(Usec now, const Put& put) {
  if (now < next_) return {};
  while (!waiting_.empty()) {
    const auto end =
        waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), kTogether));
    const std::vector<diagnosis::Verdict> batch(waiting_.begin(), end);
    if (Status stored = put(batch); !stored) {
      wait_ = wait_ == Usec{0} ? kFirstWait : std::min(wait_ * 2, kLongestWait);
      next_ = now + wait_;
      return stored;
    }
    waiting_.erase(waiting_.begin(), end);
    wait_ = next_ = Usec{0};
  }
  return {};
}

bool VerdictQueue::has_death(std::string_view workload, unsigned incarnation,
                             Usec ended_wall) const {
  return std::ranges::any_of(waiting_, [&](const diagnosis::Verdict& verdict) {
    return verdict.death && verdict.workload == workload && verdict.incarnation == incarnation &&
           verdict.when.wall == ended_wall;
  });
}

}  // namespace cgwarden::agent
