#include "agent/adaptation.h"

#include <algorithm>
#include <iterator>
#include <memory>

#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

using policy::Mode;
using policy::Policy;

bool refuses(const policy::Access& access, const Policy& policy) {
  return !access.refusal.empty() && !(access.adoptable && policy.adopt);
}

AdaptStall::How stall_how(const Policy& policy, bool may_raise) {
  AdaptStall::How how{*policy.adapt.stall, policy.mode == Mode::plan, policy.resources.memory_high};
  how.limits.may_raise = how.limits.may_raise && may_raise;
  return how;
}

KillSources kill_sources(const Adaptation::Sources& sources) {
  return {.owner_of = sources.owner_of,
          .memory_stat = sources.memory_stat,
          .swap_current = sources.swap_current,
          .preference = sources.kill_preference,
          .average = {}};
}

}  // namespace

Adaptation::Adaptation(Sources sources)
    : sources_(std::move(sources)), kills_(kill_sources(sources_)) {}

Adaptation::Forecasts Adaptation::forecasts() const {
  Forecasts found;
  for (const auto& [id, loops] : loops_) {
    const auto in = loops.time_to_oom ? loops.time_to_oom->warned_in() : std::nullopt;
    if (!in) continue;
    ++found.cgroups;
    found.nearest = std::min(found.nearest.value_or(*in), *in);
  }
  return found;
}

const std::optional<cgroup::MemoryStat>& Adaptation::stat_of(const std::string& path) {
  const auto [entry, fresh] = stats_.try_emplace(path);
  if (fresh) entry->second = sources_.memory_stat(path);
  return entry->second;
}

// Swap that the cgroup may not use is none.
bool Adaptation::may_swap(const cgroup::Sample& sample) const {
  return sources_.facts.swap.value_or(Bytes{0}).value > 0 &&
         sample.memory_swap_max != LimitOf<Bytes>(Bytes{0});
}

std::vector<policy::adapt::MemoryBound> Adaptation::bounds_of(const cgroup::Sample& sample,
                                                              const cgroup::Snapshot& snapshot) {
  std::vector<policy::adapt::MemoryBound> bounds;
  const bool swap = may_swap(sample);
  for (const auto* at = &sample; at != nullptr; at = snapshot.parent(*at)) {
    if (!at->memory_max || is_max(*at->memory_max)) continue;
    const auto& stat = stat_of(at->path);
    const auto fixed = stat ? policy::adapt::unreclaimable(*stat, swap) : std::nullopt;
    if (fixed) bounds.push_back({at->path, std::get<Bytes>(*at->memory_max), *fixed});
  }
  return bounds;
}

// Of all CPUs since the tick before: the root's cpu.stat counts what anybody used.
std::optional<double> Adaptation::busy_share(const cgroup::Snapshot& snapshot) {
  const cgroup::Sample* root = snapshot.find("/");
  const auto before = std::exchange(node_before_, std::nullopt);
  if (root == nullptr || !root->cpu_stat || !root->cpu_stat->usage_usec) return std::nullopt;
  const Usec now = snapshot.taken().boottime;
  node_before_ = {now, *root->cpu_stat->usage_usec};
  if (!before || now <= before->first || !sources_.facts.cpus || *sources_.facts.cpus == 0) {
    return std::nullopt;
  }
  const auto used = growth(before->second, node_before_->second);
  if (!used) return std::nullopt;
  const double all = static_cast<double>((now - before->first).count()) *
                     static_cast<double>(*sources_.facts.cpus);
  return std::min(1.0, static_cast<double>(*used) / all);
}

void Adaptation::drop_refused(const cgroup::Sample& sample, const policy::Access& access,
                              const std::vector<Policy>& policies, AdaptClaims& claims) {
  for (auto* claim : {&claims.cpu, &claims.memory_high, &claims.stall}) {
    if (!*claim || !refuses(access, policies.at(**claim))) continue;
    const std::string& name = policies.at(**claim).name;
    claim->reset();
    if (next_refused_.emplace(sample.id, access.refusal).second &&
        refused_[sample.id] != access.refusal) {
      log::warning("policy_skipped", {{"policy", name},
                                      {"cgroup", printable(sample.path)},
                                      {"file", "adapt"},
                                      {"reason", access.refusal}});
    }
  }
}

void Adaptation::spare_protected(const cgroup::Snapshot& snapshot) {
  for (AdaptDecision& decision : decisions_) {
    if (!decision.kill) continue;
    const std::string refusal = kill_refusal(snapshot, decision.cgroup, sources_.owner_of);
    if (refusal.empty()) continue;
    decision.kill = false;
    decision.reason = to_string(policy::adapt::StallAction::notify);
    decision.because += "; it is not killed: " + refusal;
  }
}

template <typename Loop>
void Adaptation::run(std::optional<Loop>& loop, const typename Loop::How& how, std::size_t place,
                     const AdaptLook& look, const std::vector<Policy>& policies) {
  if (!loop || loop->how() != how) loop.emplace(how);
  auto decision = loop->tick(look);
  loop->want(values_.at(place)[look.sample.id]);
  if (decision) decided(*std::move(decision), policies.at(place), look.sample, how.planned);
}

void Adaptation::decided(AdaptDecision decision, const Policy& policy, const cgroup::Sample& sample,
                         bool planned) {
  decision.policy = policy.name;
  decision.cgroup = sample.path;
  decision.id = sample.id;
  decision.planned = planned;
  decisions_.push_back(std::move(decision));
}

void Adaptation::run_cpu(Loops& loops, std::optional<std::size_t> place, bool unit,
                         const AdaptLook& look, const std::vector<Policy>& policies) {
  const bool looked = std::exchange(loops.looked, false);
  loops.outdated = false;
  if (!place) return loops.cpu.reset();
  loops.cpu_place = *place;
  const Policy& policy = policies.at(*place);
  const AdaptCpu::How how{*policy.adapt.cpu, policy.mode == Mode::plan, unit};
  if (!looked || !loops.cpu) return run(loops.cpu, how, *place, look, policies);
  // The snapshot is older than what was seen, and maybe written, between two ticks: the next one
  // begins with what has changed in the policy.
  loops.cpu->want(values_.at(*place)[look.sample.id]);
  loops.outdated = loops.cpu->how() != how;
}

void Adaptation::run_all(const cgroup::Sample& sample, const AdaptClaims& claims, bool unit,
                         const cgroup::Snapshot& snapshot, const std::vector<Policy>& policies) {
  const auto known = loops_.find(sample.id);
  Loops loops = known == loops_.end() ? Loops{} : std::move(known->second);
  AdaptLook look{.sample = sample,
                 .now = snapshot.taken(),
                 .memory_stat = {},
                 .node_busy = node_busy_,
                 .swap = may_swap(sample)};
  if (claims.memory_high || claims.stall || claims.time_to_oom) {
    look.memory_stat = stat_of(sample.path);
  }
  if (claims.time_to_oom) look.bounds = bounds_of(sample, snapshot);
  const auto go = [&](auto& loop, std::optional<std::size_t> claim, auto how_of) {
    if (!claim) return loop.reset();
    run(loop, how_of(policies.at(*claim)), *claim, look, policies);
  };
  loops.path = sample.path;
  run_cpu(loops, claims.cpu, unit, look, policies);
  go(loops.memory_high, claims.memory_high, [](const Policy& policy) {
    return AdaptMemoryHigh::How{*policy.adapt.memory_high, policy.mode == Mode::plan};
  });
  go(loops.stall, claims.stall,
     [&](const Policy& policy) { return stall_how(policy, claims.may_raise); });
  go(loops.time_to_oom, claims.time_to_oom, [](const Policy& policy) {
    return AdaptTimeToOom::How{*policy.adapt.time_to_oom, policy.mode == Mode::plan};
  });
  next_.emplace(sample.id, std::move(loops));
}

std::vector<Adaptation::CpuLoop> Adaptation::cpu_loops() const {
  std::vector<CpuLoop> found;
  for (const auto& [id, loops] : loops_) {
    const bool written_at_once = loops.cpu && !loops.cpu->how().planned && !loops.cpu->how().unit;
    if (written_at_once) found.push_back({id, loops.path});
  }
  return found;
}

std::vector<AdaptDecision> Adaptation::look(std::span<const CpuLook> looks,
                                            std::vector<Policy>& policies) {
  std::map<std::size_t, policy::AdaptedValues> changed;  // by place of the policy
  for (const auto& [sample, at] : looks) {
    const auto known = loops_.find(sample->id);
    if (known == loops_.end() || !known->second.cpu || known->second.outdated) continue;
    Loops& loops = known->second;
    auto decision = loops.cpu->tick({.sample = *sample,
                                     .now = at,
                                     .memory_stat = {},
                                     .node_busy = node_busy_,
                                     .between = true});
    loops.looked = !loops.cpu->waits();
    if (!decision) continue;
    const Policy& policy = policies.at(loops.cpu_place);
    const auto [values, fresh] = changed.try_emplace(loops.cpu_place);
    if (fresh && policy.adapted) values->second = *policy.adapted;
    loops.cpu->want(values->second[sample->id]);
    decided(*std::move(decision), policy, *sample, false);
  }
  for (auto& [place, values] : changed) {
    policies[place].adapted = std::make_shared<const policy::AdaptedValues>(std::move(values));
  }
  return std::exchange(decisions_, {});
}

void Adaptation::begin_tick(const cgroup::Snapshot& snapshot, std::size_t policies) {
  node_busy_ = busy_share(snapshot);
  next_.clear();
  next_refused_.clear();
  decisions_.clear();
  watched_.clear();
  stats_.clear();
  values_.assign(policies, {});
  left_out_ = 0;
}

std::vector<AdaptDecision> Adaptation::tick(const cgroup::Snapshot& snapshot,
                                            std::vector<Policy>& policies) {
  const AdaptClaimants claimants(policies);
  begin_tick(snapshot, policies.size());
  if (claimants.empty()) {
    loops_.clear();
    refused_.clear();
    node_before_.reset();
    return kills_.tick(snapshot, policies, {});
  }
  for (const cgroup::Sample& sample : snapshot.samples()) {
    AdaptClaims claims = claimants.of(sample.path);
    if (claims.empty()) continue;
    const policy::Access access = sources_.owner_of(sample.path);
    drop_refused(sample, access, policies, claims);
    if (claims.empty()) continue;
    if (next_.size() >= limits::kAdaptedCgroups) {
      ++left_out_;
      continue;
    }
    if (claims.kill) watched_.emplace_back(*claims.kill, &sample);
    const bool unit = access.through == policy::Through::systemd;
    run_all(sample, claims, unit, snapshot, policies);
  }
  loops_ = std::exchange(next_, {});
  refused_ = std::exchange(next_refused_, {});
  spare_protected(snapshot);
  auto kills = kills_.tick(snapshot, policies, watched_);
  std::ranges::move(kills, std::back_inserter(decisions_));
  for (std::size_t i = 0; i < policies.size(); ++i) {
    if (values_[i].empty()) continue;
    policies[i].adapted = std::make_shared<const policy::AdaptedValues>(std::move(values_[i]));
  }
  return std::exchange(decisions_, {});
}

}  // namespace cgwarden::agent
