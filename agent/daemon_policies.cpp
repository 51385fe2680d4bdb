// Daemon: which cgroups policies are for.
#include <algorithm>
#include <utility>

#include "agent/cgroup_traits.h"
#include "agent/daemon.h"
#include "policy/match.h"

namespace cgwarden::agent {
namespace {

// It tells of the end of a reload first, and writes its cgroups then.
constexpr Usec kUnitsRealized{200'000};

bool contains_one(std::string_view path, const policy::CgroupPaths& payloads) {
  const std::string inside = path == "/" ? "/" : std::string(path) + "/";
  const auto first = payloads.lower_bound(inside);
  return first != payloads.end() && first->starts_with(inside);
}

// What of policies decides whether limits of a cgroup are read at each tick.
struct Managed {
  std::vector<std::string> globs;
  std::vector<policy::Policy> selecting;  // nothing but their match
  policy::CgroupPaths payloads;
  policy::CgroupPaths selected;

  [[nodiscard]] bool has(std::string_view path) const {
    // The ancestors of a workload too: their limits and events are part of its verdicts.
    if (payloads.contains(path) || contains_one(path, payloads) || selected.contains(path)) {
      return true;
    }
    if (std::ranges::any_of(globs,
                            [&](const auto& glob) { return policy::glob_matches(glob, path); })) {
      return true;
    }
    if (selecting.empty()) return false;
    // One that has just come: of its names the path's are known.
    const std::string of(path);
    const auto traits = traits_of(of, identity::of_path(path), {});
    return std::ranges::any_of(selecting,
                               [&](const auto& policy) { return selects(policy, of, traits); });
  }

  // Equal for what decides equally.
  [[nodiscard]] std::vector<std::string> key() const {
    std::vector<std::string> key = globs;
    for (const auto& policy : selecting) {
      key.push_back(describe(policy.selector));
      key.insert(key.end(), policy.cgroups.begin(), policy.cgroups.end());
    }
    key.insert(key.end(), payloads.begin(), payloads.end());
    key.emplace_back();
    key.insert(key.end(), selected.begin(), selected.end());
    return key;
  }
};

}  // namespace

void Daemon::prepare_tick() {
  if (endpoint_) sampling_->sampler().forget_gone(endpoint_->seen_by_all());
  Managed managed;
  for (const auto& policy : policies_) {
    if (policy.selector.empty()) {
      managed.globs.insert(managed.globs.end(), policy.cgroups.begin(), policy.cgroups.end());
      continue;
    }
    policy::Policy& match = managed.selecting.emplace_back();
    match.cgroups = policy.cgroups;
    match.selector = policy.selector;
    if (policy.selected) managed.selected.insert(policy.selected->begin(), policy.selected->end());
  }
  for (const auto& running : supervisor_->running()) managed.payloads.insert(running.payload);
  auto key = managed.key();
  if (key == managed_) return;
  managed_ = std::move(key);
  sampling_->sampler().set_managed(
      [managed = std::move(managed)](std::string_view path) { return managed.has(path); },
      clock_.now());
}

// After a daemon-reload systemd writes all that it knows of its units anew, over whatever else is
// there: looked at now, not at the next tick, and put right without the usual pause between two
// calls for one unit.
void Daemon::units_reloaded() {
  enforcer_->units_reloaded();
  auto timer = loop_->timer(kUnitsRealized, Usec{0}, [this] {
    units_timer_ = {};
    sampling_->tick_now();
  });
  if (timer) units_timer_ = std::move(*timer);
}

void Daemon::select_cgroups(std::vector<policy::Policy>& policies,
                            const cgroup::SampleList& samples) {
  const auto identities = identification_.table();
  const LabelsOfPayloads labels = labels_of(supervisor_->running());
  const Usec now = clock_.now().boottime;
  policy::select_cgroups(policies, samples,
                         {[&](const cgroup::Sample& sample) {
                            // A new one has the names that its path tells; those of files come with
                            // a later tick.
                            const identity::Known* known = identities->find(sample.id);
                            return traits_of(
                                sample.path,
                                known != nullptr ? known->identity : identity::of_path(sample.path),
                                labels);
                          },
                          [&](const cgroup::Sample& sample, const std::string& name) {
                            return xattrs_.get(sample.id, sample.path, name, now);
                          }});
}

}  // namespace cgwarden::agent
