#include "agent/pressure_watch.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "policy/selector.h"

namespace cgwarden::agent {
namespace {

constexpr Usec kRetry{60'000'000};
constexpr Usec kTellAgain{60'000'000};

}  // namespace

void PressureWatch::update(const cgroup::Snapshot& snapshot,
                           const std::vector<policy::Policy>& policies) {
  const Usec now = parts_.clock->now().boottime;
  for (auto& [key, armed] : armed_) armed.wanted = false;
  bool full = false;
  for (const auto& policy : policies) {
    if (policy.pressure.empty() || policy.mode != policy::Mode::enforce) continue;
    for (const auto& sample : snapshot.samples()) {
      if (applies_to(policy, sample.path)) full |= !want(policy, sample);
    }
  }
  if (full && !full_) {
    log::warning("pressure_triggers_full",
                 {{"most", std::to_string(limits::kPressureTriggers)},
                  {"effect", "other cgroups that policies match are not watched for pressure"}});
  }
  full_ = full;
  drop_unwanted();
  std::size_t count = 0;
  for (auto& [key, armed] : armed_) {
    if (!armed.trigger && now >= armed.retry) arm(key, armed, now);
    if (armed.trigger) ++count;
  }
  parts_.metrics->pressure_triggers(count);
}

// False: there is no room for all of its triggers.
bool PressureWatch::want(const policy::Policy& policy, const cgroup::Sample& sample) {
  bool room = true;
  for (const auto& threshold : policy.pressure) {
    const Key key{sample.id, threshold};
    auto found = armed_.find(key);
    if (found == armed_.end()) {
      if (armed_.size() >= limits::kPressureTriggers) {
        room = false;
        continue;
      }
      found = armed_.try_emplace(key).first;
      found->second.policy = policy.name;
    }
    found->second.path = sample.path;
    found->second.wanted = true;
  }
  return room;
}

void PressureWatch::drop_unwanted() {
  for (auto at = armed_.begin(); at != armed_.end();) {
    Armed& armed = at->second;
    if (armed.wanted) {
      ++at;
      continue;
    }
    armed.watch = {};
    if (armed.trigger) closer_.close(std::move(*armed.trigger).release());
    at = armed_.erase(at);
  }
}

void PressureWatch::arm(const Key& key, Armed& armed, Usec now) {
  armed.retry = now + kRetry;
  auto trigger = cgroup::PressureTrigger::open(*parts_.tree, armed.path, key.threshold);
  if (!trigger) {
    if (trigger.error().kind == ErrorKind::vanished) return;
    armed.fault = trigger.error().sentence();
    log::warning("pressure_trigger_off", {{"policy", armed.policy}, {"error", armed.fault}});
    return;
  }
  auto watch = parts_.loop->add(trigger->fd(), EPOLLPRI,
                                [this, key](std::uint32_t events) { happened(key, events); });
  if (!watch) {
    armed.fault = watch.error().sentence();
    return closer_.close(std::move(*trigger).release());
  }
  armed.fault.clear();
  armed.trigger.emplace(*std::move(trigger));
  armed.watch = *std::move(watch);
}

SourceReport PressureWatch::source() const {
  if (armed_.empty()) return {SourceState::unused, "no policy in force asks for one"};
  std::size_t armed = 0;
  std::string fault;
  for (const auto& [key, each] : armed_) {
    if (each.trigger) ++armed;
    if (fault.empty()) fault = each.fault;
  }
  std::string count = std::to_string(armed) + " of " + std::to_string(armed_.size()) + " are armed";
  if (full_) {
    return {SourceState::limited, count +
                                      ", which is the most an agent holds; more cgroups are "
                                      "matched by policies"};
  }
  if (armed == armed_.size() || fault.empty()) return {SourceState::live, count};
  return {armed == 0 ? SourceState::off : SourceState::limited, count + ": " + fault};
}

void PressureWatch::happened(const Key& key, std::uint32_t events) {
  const auto found = armed_.find(key);
  if (found == armed_.end()) return;
  Armed& armed = found->second;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {  // the cgroup is gone
    armed.watch = {};
    if (armed.trigger) closer_.close(std::move(*armed.trigger).release());
    armed.trigger.reset();
    return;
  }
  parts_.metrics->pressure_fired(key.threshold.resource, key.threshold.line);
  ++armed.times;
  const Usec now = parts_.clock->now().boottime;
  if (armed.told && now < *armed.told + kTellAgain) return;
  armed.told = now;
  told_({armed.policy, armed.path, key.id, key.threshold, std::exchange(armed.times, 0)});
}

}  // namespace cgwarden::agent
