// Enforcer: what takes longer than a tick may: memory that has to be reclaimed first, and systemd.
#include <algorithm>
#include <utility>

#include "agent/enforcer.h"
#include "agent/side_effects.h"
#include "base/log.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

// A cgroup whose memory cannot be reclaimed is not stalled for it again and again.
constexpr Usec kShrinkAgain{60'000'000};

Error in_use(const policy::Write& write, Bytes used, bool gives_back) {
  const char* way = gives_back ? "written by hand it lets the kernel kill"
                               : "allowOom: true in the policy lets the kernel kill";
  return {ErrorKind::busy, 0, "lower", write.cgroup + "/" + write.file,
          human_bytes(used) +
              " are in use and could not be reclaimed; nothing was killed and it is tried again in "
              "a minute: " +
              way};
}

}  // namespace

// The write of memory.high reclaims too, and the loop must not wait for it.
bool Enforcer::must_shrink(const policy::Write& write, std::optional<Bytes> in_use) const {
  if (needs_room(write, in_use)) return true;
  if (!shrinks_ || write.file != "memory.high" || write.through != policy::Through::cgroupfs) {
    return false;
  }
  const auto wanted = parse_integer<std::uint64_t>(write.new_value);
  return wanted && in_use && in_use->value > *wanted;
}

bool Enforcer::must_shrink(const policy::Write& write, const cgroup::Snapshot& snapshot) const {
  const cgroup::Sample* sample = snapshot.find(write.cgroup);
  return sample != nullptr && must_shrink(write, sample->memory_current);
}

bool Enforcer::ask_to_shrink(const policy::Write& write,
                             std::optional<policy::Original> gives_back) {
  // open() has said what that means.
  if (!shrinks_ || !shrinks_->ask({write.cgroup, write.id, write.file, write.new_value,
                                   write.through == policy::Through::cgroupfs})) {
    return false;
  }
  shrinking_.insert_or_assign({write.id, write.file}, Shrinking{write, std::move(gives_back)});
  return true;
}

void Enforcer::shrink(const policy::Write& write, Tally& tally) {
  ++tally.deferred;
  if (ask_to_shrink(write, std::nullopt) && news(write.cgroup, write.file, "shrinks")) {
    log::info("policy_shrinks", {{"policy", write.policy},
                                 {"cgroup", write.cgroup},
                                 {"file", write.file},
                                 {"old", write.old_value},
                                 {"new", write.new_value}});
  }
}

bool Enforcer::must_wait(const policy::Original& entry, const RestoreReport& report) {
  if (report.outcome != Restored::written) return false;
  policy::Write write = write_of(entry, report.before, entry.original);
  // Of a unit that was started again: the one that it has now.
  write.id = tree_.id_of(entry.cgroup).value_or(entry.id);
  if (!must_shrink(write, memory_in_use(tree_, write.cgroup))) return false;
  const auto stuck = stuck_originals_.find(entry.key());
  if (stuck != stuck_originals_.end() && clock_->now().boottime < stuck->second) return true;
  // What it has done to memory.high is given back too, should this agent end meanwhile.
  const auto effects = side_originals(*journal_, side_effects(tree_, {write}),
                                      policy::Keeper::agent, clock_->now().wall);
  say_noted(journal_->note(effects));
  (void)ask_to_shrink(write, entry);
  return true;
}

void Enforcer::shrunk(const ShrinkRequest& request, const Result<ShrinkReport>& report) {
  const policy::KnobKey key{request.id, request.file};
  const auto asked = shrinking_.find(key);
  if (asked == shrinking_.end()) return;
  const Shrinking done = std::move(asked->second);
  shrinking_.erase(asked);
  const auto& [write, original] = done;
  if (report && report->reached) {
    if (!request.write_limit) return;  // systemd writes it at the next tick
    // The next tick forgets its entry.
    if (original) return given_back(*original, {Restored::written, report->before});
    count_drift(write, DriftWatch::Attempt::written);
    return wrote(write, report->before, report->after);
  }
  if (!report && report.error().kind == ErrorKind::vanished) return;
  const Usec again = clock_->now().boottime + kShrinkAgain;
  const Error error =
      report ? in_use(write, report->usage_after, original.has_value()) : report.error();
  if (original) {
    stuck_originals_[original->key()] = again;
    return not_given_back(*original, error, "cannot be shrunk");
  }
  stuck_[key] = again;
  write_failed(write, error);
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
