#include "agent/automatic_collector.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

constexpr Usec kBeforeFirstTry{30'000'000};
constexpr Usec kBetweenTries{600'000'000};
// One is slow when the scheduler was busy elsewhere.
constexpr unsigned kSlowWalks = 3;

bool may_pass(const Error& reason) {
  constexpr std::array kPassing{ENOMEM, EAGAIN, EMFILE, ENFILE, EBUSY, EINTR};
  return std::ranges::find(kPassing, reason.errno_value) != kPassing.end();
}

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
  if (opening_ || !possible_ || !few || boottime < next_try_) return Step::stay;
  opening_ = true;
  return Step::open;
}

bool AutomaticCollector::failed(Usec boottime, const Error& reason) {
  opening_ = false;
  possible_ = may_pass(reason);
  next_try_ = boottime + kBetweenTries;
  return possible_;
}

void AutomaticCollector::walked(Usec took, bool told) {
  const bool slow = !told || took > Usec{limits::kLongestWalkUsec};
  slow_walks_ = slow ? slow_walks_ + 1 : 0;
}

}  // namespace cgwarden::agent
