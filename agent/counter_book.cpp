#include "agent/counter_book.h"

#include <array>
#include <string_view>
#include <utility>

namespace cgwarden::agent {
namespace {

constexpr std::array<std::string_view, 4> kRestartReasons{"exit", "signal", "oom",
                                                          "launch_failure"};
constexpr std::string_view kDeathPrefix = "deaths/";
constexpr std::string_view kRestartPrefix = "restarts/";

// Name in the store -> value, for one workload.
std::vector<std::pair<std::string, std::uint64_t>> flatten(
    const exporters::WorkloadCounters& counters) {
  std::vector<std::pair<std::string, std::uint64_t>> flat{
      {"starts", counters.starts},
      {"oom_kills", counters.oom_kills},
      {"throttled_usec", counters.throttled_usec},
      {"memory_high_events", counters.memory_high_events}};
  for (const auto& [verdict, count] : counters.deaths) {
    flat.emplace_back(std::string(kDeathPrefix) + std::string(to_string(verdict)), count);
  }
  for (const auto& [reason, count] : counters.restarts) {
    flat.emplace_back(std::string(kRestartPrefix) + reason, count);
  }
  return flat;
}

void set_counter(exporters::WorkloadCounters& counters, std::string_view name,
                 std::uint64_t value) {
  if (name == "starts") {
    counters.starts = value;
  } else if (name == "oom_kills") {
    counters.oom_kills = value;
  } else if (name == "throttled_usec") {
    counters.throttled_usec = value;
  } else if (name == "memory_high_events") {
    counters.memory_high_events = value;
  } else if (name.starts_with(kDeathPrefix)) {
    const auto verdict = diagnosis::verdict_class_from(name.substr(kDeathPrefix.size()));
    if (verdict) counters.deaths[*verdict] = value;
  } else if (name.starts_with(kRestartPrefix)) {
    counters.restarts[std::string(name.substr(kRestartPrefix.size()))] = value;
  }
}

// Adds the growth of a kernel counter. A smaller value than before cannot happen within one cgroup
// id; it would count as a new start.
void grow(std::uint64_t& total, std::uint64_t& seen, const cgroup::Count& now) {
  if (!now) return;
  total += *now >= seen ? *now - seen : *now;
  seen = *now;
}

}  // namespace

exporters::WorkloadCounters& CounterBook::entry(const std::string& workload) {
  auto [found, inserted] = counters_.try_emplace(workload);
  if (inserted) {
    found->second.workload = workload;
    for (const auto verdict : diagnosis::all_verdict_classes()) {
      if (verdict != diagnosis::VerdictClass::throttled) found->second.deaths[verdict] = 0;
    }
    for (const auto reason : kRestartReasons) found->second.restarts[std::string(reason)] = 0;
  }
  return found->second;
}

Status CounterBook::load(const diagnosis::StoreWriter& store) {
  CGW_ASSIGN(const auto stored, store.counters());
  for (const auto& counter : stored) {
    set_counter(entry(counter.workload), counter.counter, counter.value);
    saved_[{counter.workload, counter.counter}] = counter.value;
  }
  return {};
}

void CounterBook::born(const std::string& workload) { entry(workload); }

void CounterBook::started(const std::string& workload) { ++entry(workload).starts; }

void CounterBook::died(const diagnosis::Verdict& verdict) {
  ++entry(verdict.workload).deaths[verdict.verdict];
}

void CounterBook::restarted(const std::string& workload, const std::string& reason) {
  ++entry(workload).restarts[reason];
}

void CounterBook::oom_kills(const std::string& workload, std::uint64_t count) {
  entry(workload).oom_kills += count;
}

void CounterBook::observe(const std::string& workload, const cgroup::Sample& payload) {
  auto& counters = entry(workload);
  Seen& seen = seen_[workload];
  if (seen.id != payload.id) seen = Seen{.id = payload.id};
  if (payload.cpu_stat) {
    grow(counters.throttled_usec, seen.throttled_usec, payload.cpu_stat->throttled_usec);
  }
  if (payload.memory_events) {
    grow(counters.memory_high_events, seen.high, payload.memory_events->high);
  }
}

void CounterBook::set_running(const std::string& workload, bool running) {
  entry(workload).running = running;
}

Status CounterBook::forget(const std::string& workload, diagnosis::StoreWriter& store) {
  counters_.erase(workload);
  seen_.erase(workload);
  std::erase_if(saved_, [&](const auto& entry) { return entry.first.first == workload; });
  return store.remove_counters(workload);
}

std::vector<exporters::WorkloadCounters> CounterBook::all() const {
  std::vector<exporters::WorkloadCounters> list;
  list.reserve(counters_.size());
  for (const auto& [name, counters] : counters_) list.push_back(counters);
  return list;
}

Status CounterBook::save(diagnosis::StoreWriter& store) {
  for (const auto& [workload, counters] : counters_) {
    for (const auto& [name, value] : flatten(counters)) {
      auto [saved, inserted] = saved_.try_emplace({workload, name}, 0);
      if (!inserted && saved->second == value) continue;
      CGW_TRY(store.put_counter(workload, name, value));
      saved->second = value;
    }
  }
  return {};
}

}  // namespace cgwarden::agent
