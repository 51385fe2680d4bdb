// Enforcer: what takes longer than a tick may: memory that has to be reclaimed first, and systemd.
#include <algorithm>
#include <utility>

#include "agent/enforcer.h"
#include "base/log.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

// A cgroup whose memory cannot be reclaimed is not stalled for it again and again.
constexpr Usec kShrinkAgain{60'000'000};

}  // namespace

// The write of memory.high reclaims too, and the loop must not wait for it.
bool Enforcer::must_shrink(const policy::Write& write, const cgroup::Snapshot& snapshot) const {
  if (!shrinks_) return false;
  const bool hard = write.file == "memory.max" && !write.allow_oom;
  const bool soft = write.file == "memory.high" && write.through == policy::Through::cgroupfs;
  if (!hard && !soft) return false;
  const auto wanted = parse_integer<std::uint64_t>(write.new_value);
  const cgroup::Sample* sample = snapshot.find(write.cgroup);
  return wanted && sample != nullptr && sample->memory_current &&
         sample->memory_current->value > *wanted;
}

void Enforcer::shrink(const policy::Write& write, Tally& tally) {
  const policy::KnobKey key{write.id, write.file};
  ++tally.deferred;
  if (!shrinks_->ask({write.cgroup, write.id, write.file, write.new_value,
                      write.through == policy::Through::cgroupfs})) {
    return;
  }
  shrinking_.insert_or_assign(key, write);
  if (news(write.cgroup, write.file, "shrinks")) {
    log::info("policy_shrinks", {{"policy", write.policy},
                                 {"cgroup", write.cgroup},
                                 {"file", write.file},
                                 {"old", write.old_value},
                                 {"new", write.new_value}});
  }
}

void Enforcer::shrunk(const ShrinkRequest& request, const Result<ShrinkReport>& report) {
  const policy::KnobKey key{request.id, request.file};
  const auto asked = shrinking_.find(key);
  if (asked == shrinking_.end()) return;
  const policy::Write write = std::move(asked->second);
  shrinking_.erase(asked);
  if (!report) {
    if (report.error().kind == ErrorKind::vanished) return;
    stuck_[key] = clock_->now().boottime + kShrinkAgain;
    return write_failed(write, report.error());
  }
  if (report->reached) {
    if (!request.write_limit) return;  // systemd writes it at the next tick
    count_drift(write, DriftWatch::Attempt::written);
    return wrote(write, report->before, report->after);
  }
  stuck_[key] = clock_->now().boottime + kShrinkAgain;
  write_failed(write,
               Error{ErrorKind::busy, 0, "lower", write.cgroup + "/" + write.file,
                     human_bytes(report->usage_after) +
                         " are in use and could not be reclaimed; nothing was killed and it is "
                         "tried again in a minute: allowOom: true in the policy lets the kernel "
                         "kill"});
}

void Enforcer::ask_units(const std::vector<policy::Write>& writes, Tally& tally) {
  tally.deferred += writes.size();
  if (!units_) {
    for (const policy::Write& write : writes) {
      if (!news(write.cgroup, write.file, "no bus")) continue;
      log::warning("policy_write_deferred",
                   {{"policy", write.policy},
                    {"cgroup", write.cgroup},
                    {"file", write.file},
                    {"reason", "systemd writes it, and the configuration says bus: off"}});
    }
    return;
  }
  for (auto first = writes.begin(); first != writes.end();) {
    const auto last = std::find_if(
        first, writes.end(), [&](const policy::Write& write) { return write.id != first->id; });
    // False: it is asked for again at the next tick.
    static_cast<void>(units_->ask({first, last}));
    first = last;
  }
}

void Enforcer::unit_set(const std::vector<policy::Write>& writes, const Status& status) {
  for (const policy::Write& write : writes) {
    const auto key = knob_key(write);
    // What it refuses or does not know any more is not asked for again.
    const bool over = status || status.error().kind == ErrorKind::vanished ||
                      status.error().kind == ErrorKind::invalid ||
                      status.error().kind == ErrorKind::not_supported;
    if (over && journal_ && journal_->find(key) != nullptr) units_took_[key] = write.new_value;
    if (!status && status.error().kind == ErrorKind::vanished) continue;
    if (!status) {
      write_failed(write, status.error());
      continue;
    }
    // It was only told what the file has already.
    if (write.old_value == write.new_value) continue;
    // systemd may write it after its answer; the next tick compares.
    const auto text = tree_.read(write.cgroup, write.file);
    const bool there = text && trim(*text) == write.new_value;
    count_drift(write, there ? DriftWatch::Attempt::written : DriftWatch::Attempt::adjusted);
    wrote(write, write.old_value, write.new_value);
  }
}

}  // namespace cgwarden::agent
