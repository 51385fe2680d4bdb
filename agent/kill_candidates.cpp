#include "agent/kill_candidates.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "base/limits.h"
#include "diagnosis/death_case.h"
#include "policy/protection.h"

namespace cgwarden::agent {
namespace {

using cgroup::Sample;
using cgroup::Snapshot;
using policy::adapt::KillCandidate;

// What memory.min and memory.low keep of it, as oomd counts: never more than the share of the
// parent's that its siblings leave.
class Protections {
 public:
  explicit Protections(const Snapshot& snapshot) : snapshot_(snapshot) {
    for (const Sample& sample : snapshot.samples()) {
      if (sample.path != "/") of_children_[cgroup::parent_path(sample.path)] += claimed(sample);
    }
  }
  [[nodiscard]] double of(const Sample& sample) const {
    const double own = claimed(sample);
    const Sample* parent = snapshot_.parent(sample);
    if (own == 0 || parent == nullptr || parent->path == "/") return own;
    const double siblings = of_children_.at(cgroup::parent_path(sample.path));
    return own * std::min(1.0, of(*parent) / siblings);
  }

 private:
  static double bytes_of(const std::optional<LimitOf<Bytes>>& limit, double current) {
    if (!limit) return 0;
    return is_max(*limit) ? current : static_cast<double>(std::get<Bytes>(*limit).value);
  }
  static double claimed(const Sample& sample) {
    if (!sample.memory_current) return 0;
    const auto current = static_cast<double>(sample.memory_current->value);
    const double low = bytes_of(sample.memory_low, current);
    return std::min(current, std::max(low, bytes_of(sample.memory_min, current)));
  }

  const Snapshot& snapshot_;
  std::map<std::string_view, double> of_children_;
};

bool is_threaded(const Sample& sample) {
  return sample.cgroup_type == cgroup::CgroupType::threaded;
}

bool is_shims(std::string_view path) { return path.ends_with(".scope/supervisor"); }

// `watched` and all below it, by path.
std::vector<const Sample*> family_of(const Snapshot& snapshot, const Sample& watched) {
  std::vector<const Sample*> family;
  for (const Sample& sample : snapshot.samples()) {
    if (!diagnosis::path_is_at_or_below(sample.path, watched.path)) continue;
    if (!is_threaded(sample)) family.push_back(&sample);
  }
  return family;
}

std::vector<const Sample*> killable(const std::vector<const Sample*>& family) {
  std::set<std::string_view> parents;
  for (const Sample* sample : family) parents.insert(cgroup::parent_path(sample->path));
  std::vector<const Sample*> found;
  std::set<std::string_view> groups;
  for (const Sample* sample : family) {
    bool inside = false;
    for (std::string_view at = cgroup::parent_path(sample->path); !at.empty() && !inside;
         at = cgroup::parent_path(at)) {
      inside = groups.contains(at);
    }
    if (inside) continue;
    const bool whole = sample->memory_oom_group.value_or(false);
    if (whole) groups.insert(sample->path);
    if (whole || !parents.contains(sample->path)) found.push_back(sample);
  }
  return found;
}

void fill_in(const Sample& sample, const Sample& watched, const KillSources& sources,
             KillCandidate& candidate) {
  candidate.preference = sources.preference(sample.path, watched.path);
  candidate.average = sources.average(sample.id);
  if (const auto stat = sources.memory_stat(sample.path)) {
    candidate.anon = Bytes{stat->anon.value_or(0)};
  }
  candidate.swap = sources.swap_current(sample.path).value_or(Bytes{0});
}

}  // namespace

std::string kill_refusal(const Snapshot& snapshot, std::string_view path,
                         const policy::Ownership& owner_of) {
  if (const policy::Access access = owner_of(path); policy::is_protected(access)) {
    return access.refusal;
  }
  if (const auto held = policy::held_protected(snapshot, path, owner_of)) {
    return policy::holding_text(*held);
  }
  for (const Sample& sample : snapshot.samples()) {
    if (!is_shims(sample.path) || !diagnosis::path_is_at_or_below(sample.path, path)) continue;
    return "it holds " + sample.path + ", the shim of a workload";
  }
  return {};
}

std::vector<KillCandidate> kill_candidates(const Snapshot& snapshot, const Sample& watched,
                                           const KillSources& sources) {
  const auto family = family_of(snapshot, watched);
  auto samples = killable(family);
  std::ranges::stable_sort(samples, std::ranges::greater{}, [](const Sample* sample) {
    return sample->memory_current.value_or(Bytes{0});
  });
  if (samples.size() > limits::kKillCandidates) samples.resize(limits::kKillCandidates);
  const Protections protections(snapshot);
  std::vector<KillCandidate> candidates;
  for (const Sample* sample : samples) {
    KillCandidate candidate;
    candidate.id = sample->id;
    candidate.path = sample->path;
    candidate.populated = sample->cgroup_events && sample->cgroup_events->populated.value_or(false);
    candidate.guarded = !kill_refusal(snapshot, sample->path, sources.owner_of).empty();
    candidate.current = sample->memory_current.value_or(Bytes{0});
    candidate.protection = Bytes{static_cast<std::uint64_t>(protections.of(*sample))};
    if (const auto& pressure = sample->memory_pressure; pressure && pressure->full) {
      candidate.full_avg10 = pressure->full->avg10;
      candidate.full_avg60 = pressure->full->avg60;
    }
    if (candidate.populated && !candidate.guarded) fill_in(*sample, watched, sources, candidate);
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

}  // namespace cgwarden::agent
