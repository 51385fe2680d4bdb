#include "agent/xattr_cache.h"

#include <algorithm>
#include <cstddef>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

// Less than the shortest usual tick.
constexpr Usec kSoonest{500'000};

}  // namespace

// As old as the value was when it was read: after 1, 2, 4, ... ticks.
bool XattrCache::is_due(const Known& known, Usec now) const {
  const Usec age = known.read_at - known.since;
  return now >= known.read_at + std::clamp(age, std::min(kSoonest, again_), again_);
}

// A cgroup that is there is asked for at each tick: what is twice as old as it may be is of one
// that has gone, or of a policy that has.
void XattrCache::forget_old(Usec now) {
  if (now < forgot_at_ + again_) return;
  forgot_at_ = now;
  std::erase_if(known_,
                [&](const auto& entry) { return entry.second.read_at + again_ + again_ <= now; });
}

XattrCache::Value XattrCache::get(CgroupId id, const std::string& path, const std::string& name,
                                  Usec now) {
  forget_old(now);
  const auto found = known_.find({id, name});
  if (found != known_.end() && !is_due(found->second, now)) return found->second.value;
  Known known{read_(path, name), now, now};
  Value value = known.value;
  if (found != known_.end()) {
    if (found->second.value == value) known.since = found->second.since;
    found->second = std::move(known);
  } else if (known_.size() < limits::kXattrsKept) {
    known_.emplace(std::pair(id, name), std::move(known));
  }
  return value;
}

}  // namespace cgwarden::agent
