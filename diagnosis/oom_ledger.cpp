#include "diagnosis/oom_ledger.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/limits.h"

namespace cgwarden::diagnosis {
namespace {

// Kernel kills without a mark: those of collapsing pid namespaces. A kill and its mark stand next
// to each other.
constexpr std::size_t kSignalsKept = 256;

bool holds(std::string_view cgroup, std::string_view path) {
  return cgroup == "/" || path == cgroup ||
         (path.starts_with(cgroup) && path.size() > cgroup.size() && path[cgroup.size()] == '/');
}

std::string common_cgroup(std::string_view one, std::string_view other) {
  while (!holds(one, other)) one = one.substr(0, std::max<std::size_t>(one.rfind('/'), 1));
  return std::string(one);
}

void attribute(OomIncident& incident) {
  for (const auto& victim : incident.victims) {
    if (victim.cgroup.empty()) continue;
    incident.cgroup =
        incident.attributed ? common_cgroup(incident.cgroup, victim.cgroup) : victim.cgroup;
    incident.attributed = true;
  }
}

bool all_placed(const OomIncident& incident) {
  return std::ranges::none_of(incident.victims, &std::string::empty, &OomVictim::cgroup);
}

}  // namespace

std::uint64_t OomLedger::Slice::missing() const {
  const std::uint64_t told = kills_told + (groups - groups_base);
  return kills > told ? kills - told : 0;
}

void OomLedger::baseline(const std::vector<SliceCounts>& slices) {
  for (const auto& counts : slices) {
    Slice& slice = slices_[counts.id];
    slice.path = counts.path;
    slice.kills = slice.kills_told = counts.oom_kill;
    slice.groups = slice.groups_base = counts.oom_group_kill;
    slice.groups_told = slice.groups_then = counts.oom_group_kill;
    newest_ = std::max(newest_, counts.id);
  }
}

void OomLedger::feed(const cgroup::KernelKill& kill) {
  // The walk over a group kills its first victim again: proof that it is a walk, and that what this
  // task killed since then is the group, for the kernel does one OOM kill at a time.
  if (!runs_.empty() && runs_.back().task == kill.task) {
    Run& run = runs_.back();
    const auto& victims = run.incident.victims;
    const auto again = std::ranges::find(victims, kill.victim, &OomVictim::pid);
    if (again != victims.end()) {
      const auto first = static_cast<std::size_t>(again - victims.begin());
      std::erase_if(run.breaks, [&](std::size_t at) { return at > first; });
      run.group = true;
      return;
    }
  }
  signals_.push_back(kill);
  if (signals_.size() > kSignalsKept) signals_.pop_front();
}

bool OomLedger::take_signal(const cgroup::OomMark& mark) {
  const auto found = std::ranges::find_if(signals_, [&](const auto& kill) {
    return kill.task == mark.task && kill.victim == mark.victim && kill.boottime <= mark.boottime;
  });
  if (found == signals_.end()) return false;
  signals_.erase(found);
  return true;
}

void OomLedger::feed(const cgroup::OomMark& mark, std::string_view cgroup, bool group) {
  if (!take_signal(mark)) return;
  if (open_victims() >= limits::kOomPending) return;  // the counters will tell of it
  const bool follows = !runs_.empty() && runs_.back().task == mark.task &&
                       mark.boottime <= runs_.back().last_mark + kSettled;
  if (!follows) {
    runs_.emplace_back();
    runs_.back().incident.boottime = mark.boottime;
    runs_.back().task = mark.task;
  }
  Run& run = runs_.back();
  auto& victims = run.incident.victims;
  // A task that was killed itself wants no more memory: what it kills after that is of its group.
  const bool itself = std::ranges::find(victims, mark.task, &OomVictim::pid) != victims.end();
  if (itself) run.group = true;
  if (follows && !run.group) run.breaks.push_back(victims.size());
  // Of this victim's own kill: earlier ones may still have been others.
  run.group = run.group || group;
  run.last_mark = mark.boottime;
  victims.push_back({.pid = mark.victim,
                     .comm = mark.comm,
                     .uid = mark.uid,
                     .rss = mark.rss,
                     .cgroup = std::string(cgroup)});
}

void OomLedger::feed(const cgroup::CgroupEmptied& emptied) {
  if (emptied.path.empty()) return;
  for (auto& run : std::views::reverse(runs_)) {
    for (auto& victim : run.incident.victims) {
      if (victim.pid != emptied.task) continue;
      // Its own cgroup comes first, then the ancestors that emptied with it.
      if (victim.cgroup.empty() && emptied.boottime >= run.incident.boottime &&
          emptied.boottime <= run.last_mark + kPatience) {
        victim.cgroup = emptied.path;
      }
      return;
    }
  }
}

void OomLedger::feed(CountedKills kills) {
  if (places_.size() == limits::kOomPending) places_.pop_front();
  places_.push_back(std::move(kills));
}

OomLedger::Slice* OomLedger::slice_of(std::string_view path) {
  // A path may have been another cgroup's before: the newest has the largest id.
  for (auto& [id, slice] : std::views::reverse(slices_)) {
    if (holds(slice.path, path)) return &slice;
  }
  return nullptr;
}

std::uint64_t OomLedger::open_victims() const {
  std::uint64_t count = 0;
  for (const auto& run : runs_) count += run.incident.victims.size();
  return count;
}

std::vector<OomIncident> OomLedger::take(Usec now) {
  std::vector<OomIncident> done = std::exchange(counted_, {});
  std::deque<Run> waiting;
  for (auto& run : std::exchange(runs_, {})) {
    const bool settled = now >= run.last_mark + kSettled;
    const bool in_time = now < run.last_mark + kPatience;
    if (!settled || (in_time && !all_placed(run.incident))) {
      waiting.push_back(std::move(run));
    } else {
      close(std::move(run), done);
    }
  }
  runs_ = std::move(waiting);
  return done;
}

OomLedger::Slice* OomLedger::only_short_slice() {
  Slice* found = nullptr;
  for (auto& [id, slice] : slices_) {
    if (slice.missing() == 0) continue;
    if (found != nullptr) return nullptr;
    found = &slice;
  }
  return found;
}

void OomLedger::close(Run run, std::vector<OomIncident>& done) {
  OomIncident& all = run.incident;
  attribute(all);
  const Slice* slice = all.attributed ? slice_of(all.cgroup) : nullptr;
  // Separate, if no group kill was counted that could hold them all.
  const bool separate = slice != nullptr && !run.group && slice->read >= run.last_mark &&
                        slice->groups == slice->groups_told;
  if (!separate) run.breaks.clear();
  run.breaks.push_back(all.victims.size());
  auto from = all.victims.begin();
  for (const std::size_t end : run.breaks) {
    const auto to = all.victims.begin() + static_cast<std::ptrdiff_t>(end);
    tell({.boottime = all.boottime, .attributed = false, .cgroup = "/", .victims = {from, to}},
         run.group, done);
    from = to;
  }
}

void OomLedger::tell(OomIncident incident, bool group, std::vector<OomIncident>& done) {
  attribute(incident);
  Slice* slice = nullptr;
  if (incident.attributed) {
    slice = slice_of(incident.cgroup);
  } else if (group || incident.victims.size() == 1) {
    slice = only_short_slice();
    if (slice != nullptr) incident.cgroup = slice->path;
  }
  for (const auto& victim : incident.victims) {
    Slice* own = victim.cgroup.empty() ? nullptr : slice_of(victim.cgroup);
    // A group is within one slice.
    if (victim.cgroup.empty() && (group || !incident.attributed)) own = slice;
    if (own == nullptr) {
      ++unclaimed_;
    } else {
      ++own->kills_told;
    }
  }
  if (slice != nullptr) ++slice->incidents_since;
  if (group && slice != nullptr && slice->groups_told < slice->groups) ++slice->groups_told;
  done.push_back(std::move(incident));
}

void OomLedger::reconcile(const std::vector<SliceCounts>& slices, Usec now) {
  // Ids only grow: an older one was there before, and what it counted may have been told. It is no
  // news, only a new baseline.
  const CgroupId newest = newest_;
  for (const auto& counts : slices) {
    if (counts.id <= newest && !slices_.contains(counts.id)) baseline({counts});
    newest_ = std::max(newest_, counts.id);
  }
  std::erase_if(places_, [&](const auto& place) { return place.boottime + 3 * kPatience < now; });
  std::map<CgroupId, Slice> present;
  for (const auto& counts : slices) {
    const auto known = slices_.find(counts.id);
    Slice slice = known == slices_.end() ? Slice{} : std::move(known->second);
    slice.path = counts.path;
    slice.read = now;
    slice.kills = std::max(slice.kills, counts.oom_kill);
    slice.groups = std::max(slice.groups, counts.oom_group_kill);
    // What is open may be all that is missing.
    const std::uint64_t open = open_victims();
    const std::uint64_t missing = slice.missing();
    if (missing == 0 && open == 0) {
      slice.groups_told = slice.groups_then = slice.groups;
      slice.incidents_since = 0;
    }
    if (missing <= open) {
      slice.short_since = Usec{0};
    } else if (slice.short_since == Usec{0}) {
      slice.short_since = now;
    } else if (now >= slice.short_since + kPatience) {
      report_missing(slice, missing - open);
    }
    present.emplace(counts.id, std::move(slice));
  }
  slices_ = std::move(present);
  const bool nothing_missing =
      std::ranges::all_of(slices_, [](const auto& entry) { return entry.second.missing() == 0; });
  if (nothing_missing && runs_.empty()) unclaimed_ = 0;
}

void OomLedger::report_missing(Slice& slice, std::uint64_t victims) {
  slice.short_since = Usec{0};
  slice.kills_told += victims;
  const std::uint64_t claimed = std::min(victims, unclaimed_);
  // After a group kill they may all be of a group that was told of: only more groups than incidents
  // prove that one was not.
  const std::uint64_t groups = slice.groups - slice.groups_then;
  const std::uint64_t told = slice.incidents_since + claimed;
  std::uint64_t incidents = victims - claimed;
  if (groups > 0) incidents = std::min(incidents, groups > told ? groups - told : 0);
  unclaimed_ -= claimed;
  slice.groups_told = slice.groups_then = slice.groups;
  slice.incidents_since = 0;
  for (std::uint64_t at = 0; at < std::min<std::uint64_t>(incidents, limits::kOomPending); ++at) {
    counted_.push_back(counted_in(slice));
  }
  // Those of one incident may have been many: what is left is of no kill to come.
  if (groups > 0) {
    std::erase_if(places_, [&](const auto& place) { return holds(slice.path, place.cgroup); });
  }
}

OomIncident OomLedger::counted_in(const Slice& slice) {
  OomIncident incident{
      .boottime = slice.read, .attributed = false, .cgroup = slice.path, .victims = {}};
  const auto place = std::ranges::find_if(
      places_, [&](const auto& each) { return holds(slice.path, each.cgroup); });
  if (place == places_.end()) return incident;
  incident.boottime = place->boottime;
  incident.attributed = true;
  incident.cgroup = place->cgroup;
  if (--place->incidents == 0) places_.erase(place);
  return incident;
}

}  // namespace cgwarden::diagnosis
