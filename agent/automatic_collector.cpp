#include "agent/automatic_collector.h"

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

constexpr Usec kBeforeFirstTry{30'000'000};
constexpr Usec kBetweenTries{600'000'000};
// One is slow when the scheduler was busy elsewhere.
constexpr unsigned kSlowWalks = 3;

}  // namespace

AutomaticCollector::AutomaticCollector(Usec started) : next_try_(started + kBeforeFirstTry) {}

AutomaticCollector::Step AutomaticCollector::before_tick(Usec boottime, std::size_t cgroups,
                                                         bool in_use) {
  const bool few = cgroups <= limits::kCgroupsPerWalk;
  if (in_use && few && slow_walks_ < kSlowWalks) return Step::stay;
  if (in_use) {
    slow_walks_ = 0;
    next_try_ = boottime + kBetweenTries;
    return Step::close;
  }
  return possible_ && few && boottime >= next_try_ ? Step::open : Step::stay;
}

void AutomaticCollector::walked(Usec took, bool told) {
  const bool slow = !told || took > Usec{limits::kLongestWalkUsec};
  slow_walks_ = slow ? slow_walks_ + 1 : 0;
}

}  // namespace cgwarden::agent
