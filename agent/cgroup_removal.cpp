#include "agent/cgroup_removal.h"

#include <utility>

#include "cgroup/control_file.h"
#include "cgroup/format.h"

namespace cgwarden::agent {
namespace {

// A killed process is gone within a few milliseconds: a timer costs less than a watch on
// cgroup.events, whose notifications come at most every 10 ms, and it also covers the rmdir(2) that
// is still refused after populated has become 0.
constexpr Usec kInterval{20'000};
constexpr Usec kLateInterval{1'000'000};

}  // namespace

void CgroupRemoval::start(EventLoop& loop, const cgroup::Tree& tree, std::string path, Late late,
                          Done done) {
  loop_ = &loop;
  tree_ = &tree;
  path_ = std::move(path);
  late_ = std::move(late);
  done_ = std::move(done);
  attempts_ = 0;
  timer_ = {};
  const Status removed = attempt();
  if (removed) return;
  if (const Status armed = arm(kInterval); !armed) late_(armed.error());
}

Status CgroupRemoval::attempt() const {
  const auto text = tree_->read(path_, "cgroup.events");
  if (!text && text.error().kind == ErrorKind::vanished) return {};
  if (!text) return fail(text.error());
  CGW_ASSIGN(const auto events, cgroup::parse_cgroup_events(*text));
  if (events.populated.value_or(false)) {
    CGW_TRY(cgroup::kill_cgroup(*tree_, path_));
    return fail(Error{ErrorKind::busy, 0, "empty the cgroup", path_,
                      "its processes were killed and have not ended"});
  }
  return cgroup::remove_cgroups_below(*tree_, path_);
}

void CgroupRemoval::again() {
  const Status removed = attempt();
  if (removed) {
    timer_ = {};
    std::exchange(late_, nullptr);
    if (const auto done = std::exchange(done_, nullptr)) done();
    return;
  }
  if (++attempts_ != kLate / kInterval) return;
  if (const Status armed = arm(kLateInterval); !armed) late_(armed.error());
  late_(removed.error());
}

Status CgroupRemoval::arm(Usec interval) {
  CGW_ASSIGN(timer_, loop_->timer(interval, interval, [this] { again(); }));
  return {};
}

}  // namespace cgwarden::agent
