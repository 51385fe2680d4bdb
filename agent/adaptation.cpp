#include "agent/adaptation.h"

#include <algorithm>
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

}  // namespace

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

template <typename Loop>
void Adaptation::run(std::optional<Loop>& loop, const typename Loop::How& how, std::size_t place,
                     const AdaptLook& look, const std::vector<Policy>& policies) {
  if (!loop || loop->how() != how) loop.emplace(how);
  auto decision = loop->tick(look);
  loop->want(values_.at(place)[look.sample.id]);
  if (!decision) return;
  decision->policy = policies.at(place).name;
  decision->cgroup = look.sample.path;
  decision->id = look.sample.id;
  decision->planned = how.planned;
  decisions_.push_back(*std::move(decision));
}

void Adaptation::run_all(const cgroup::Sample& sample, const AdaptClaims& claims, bool unit,
                         TimePoint now, const std::vector<Policy>& policies) {
  const auto known = loops_.find(sample.id);
  Loops loops = known == loops_.end() ? Loops{} : std::move(known->second);
  AdaptLook look{.sample = sample, .now = now, .memory_stat = {}, .node_busy = node_busy_};
  // Swap that the cgroup may not use is none.
  look.swap = sources_.facts.swap.value_or(Bytes{0}).value > 0 &&
              sample.memory_swap_max != LimitOf<Bytes>(Bytes{0});
  if (claims.memory_high || claims.stall) look.memory_stat = sources_.memory_stat(sample.path);
  if (claims.cpu) {
    const Policy& policy = policies.at(*claims.cpu);
    run(loops.cpu, {*policy.adapt.cpu, policy.mode == Mode::plan, unit}, *claims.cpu, look,
        policies);
  } else {
    loops.cpu.reset();
  }
  if (claims.memory_high) {
    const Policy& policy = policies.at(*claims.memory_high);
    run(loops.memory_high, {*policy.adapt.memory_high, policy.mode == Mode::plan},
        *claims.memory_high, look, policies);
  } else {
    loops.memory_high.reset();
  }
  if (claims.stall) {
    run(loops.stall, stall_how(policies.at(*claims.stall), claims.may_raise), *claims.stall, look,
        policies);
  } else {
    loops.stall.reset();
  }
  next_.emplace(sample.id, std::move(loops));
}

std::vector<AdaptDecision> Adaptation::tick(const cgroup::Snapshot& snapshot,
                                            std::vector<Policy>& policies) {
  const AdaptClaimants claimants(policies);
  if (claimants.empty()) {
    loops_.clear();
    refused_.clear();
    left_out_ = 0;
    node_before_.reset();
    return {};
  }
  node_busy_ = busy_share(snapshot);
  next_.clear();
  next_refused_.clear();
  decisions_.clear();
  values_.assign(policies.size(), {});
  left_out_ = 0;
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
    const bool unit = access.through == policy::Through::systemd;
    run_all(sample, claims, unit, snapshot.taken(), policies);
  }
  loops_ = std::exchange(next_, {});
  refused_ = std::exchange(next_refused_, {});
  for (std::size_t i = 0; i < policies.size(); ++i) {
    if (values_[i].empty()) continue;
    policies[i].adapted = std::make_shared<const policy::AdaptedValues>(std::move(values_[i]));
  }
  return std::exchange(decisions_, {});
}

}  // namespace cgwarden::agent
