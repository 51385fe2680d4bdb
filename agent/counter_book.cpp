#include "agent/counter_book.h"

#include <array>
#include <charconv>
#include <string_view>
#include <tuple>
#include <utility>

#include "identity/subject.h"

namespace cgwarden::agent {
namespace {

constexpr std::array<std::string_view, 5> kRestartReasons{"exit", "signal", "oom", "launch_failure",
                                                          "unhealthy"};
constexpr std::string_view kDeathPrefix = "deaths/";
constexpr std::string_view kRestartPrefix = "restarts/";
constexpr std::string_view kSeenPrefix = "seen/";

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

// Adds the growth of a kernel counter. Within one cgroup it never falls: a smaller value is an
// older reading (the shim's record, read after the counter itself).
void grow(std::uint64_t& total, std::uint64_t& seen, const cgroup::Count& now) {
  if (!now || *now <= seen) return;
  total += *now - seen;
  seen = *now;
}

}  // namespace

KernelCounts counts_of(const cgroup::Sample& payload) {
  KernelCounts counts;
  counts.id = payload.id;
  if (payload.cpu_stat) counts.throttled_usec = payload.cpu_stat->throttled_usec;
  if (payload.memory_events) {
    counts.high = payload.memory_events->high;
    counts.oom_kill = payload.memory_events->oom_kill;
    counts.oom_group_kill = payload.memory_events->oom_group_kill;
  }
  return counts;
}

std::uint64_t OomIncidents::add(const KernelCounts& now) {
  const std::uint64_t now_kills = now.oom_kill.value_or(kills);
  const std::uint64_t now_groups = now.oom_group_kill.value_or(groups);
  if (now_kills < kills || now_groups < groups) return 0;
  const std::uint64_t new_kills = now_kills - std::exchange(kills, now_kills);
  const std::uint64_t new_groups = now_groups - std::exchange(groups, now_groups);
  if (new_groups > 0) {
    const Last before = std::exchange(last_, Last::group);
    const bool first_counted =
        before == Last::single || (before == Last::quiet && new_kills == 0 && kills > 0);
    return new_groups - (first_counted ? 1 : 0);
  }
  if (new_kills == 0) {
    last_ = Last::quiet;
    return 0;
  }
  if (last_ == Last::group) return 0;
  last_ = Last::single;
  return new_kills;
}

exporters::WorkloadCounters& CounterBook::entry(const std::string& workload) {
  touched_.insert(workload);
  return known(workload);
}

exporters::WorkloadCounters& CounterBook::known(const std::string& workload) {
  auto [found, inserted] = counters_.try_emplace(workload);
  if (inserted) {
    touched_.insert(workload);
    found->second.workload = workload;
    found->second.born = next_snapshot_;
    for (const auto verdict : diagnosis::all_verdict_classes()) {
      if (diagnosis::is_of_death(verdict)) found->second.deaths[verdict] = 0;
    }
    for (const auto reason : kRestartReasons) found->second.restarts[std::string(reason)] = 0;
  }
  return found->second;
}

Status CounterBook::load(const diagnosis::StoreWriter& store) {
  CGW_ASSIGN(const auto stored, store.counters());
  for (const auto& counter : stored) {
    // SubjectBook's and NodeBook's: a workload has no ':' in its name.
    if (counter.workload.contains(':')) continue;
    const std::string_view name = counter.counter;
    if (name.starts_with(kSeenPrefix)) {
      set_seen(seen_[counter.workload], name.substr(kSeenPrefix.size()), counter.value);
    } else {
      set_counter(entry(counter.workload), name, counter.value);
    }
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

std::uint64_t CounterBook::observe(const std::string& workload, const KernelCounts& payload) {
  auto& counters = known(workload);
  Seen& seen = seen_[workload];
  // Every tick of every workload comes here, and most bring nothing new.
  const auto stored = [&] {
    return std::tuple(counters.throttled_usec, counters.memory_high_events, counters.oom_kills,
                      seen.boot, seen.id.value, seen.throttled_usec, seen.high, seen.oom.kills,
                      seen.oom.groups);
  };
  const auto before = stored();
  if (seen.id != payload.id || seen.boot != boot_) {
    seen = Seen{};
    seen.boot = boot_;
    seen.id = payload.id;
  }
  grow(counters.throttled_usec, seen.throttled_usec, payload.throttled_usec);
  grow(counters.memory_high_events, seen.high, payload.high);
  const std::uint64_t incidents = seen.oom.add(payload);
  counters.oom_kills += incidents;
  if (stored() != before) touched_.insert(workload);
  return incidents;
}

void CounterBook::set_running(const std::string& workload, bool running) {
  entry(workload).running = running;
}

Status CounterBook::forget(const std::string& workload, diagnosis::StoreWriter& store) {
  counters_.erase(workload);
  seen_.erase(workload);
  touched_.erase(workload);
  std::erase_if(saved_, [&](const auto& entry) { return entry.first.first == workload; });
  return store.remove_counters(workload);
}

std::vector<exporters::WorkloadCounters> CounterBook::all() const {
  std::vector<exporters::WorkloadCounters> list;
  list.reserve(counters_.size());
  for (const auto& [name, counters] : counters_) list.push_back(counters);
  return list;
}

CounterBook::Flat CounterBook::flatten(const Seen& seen) {
  const std::string prefix(kSeenPrefix);
  return {{prefix + "boot", seen.boot},
          {prefix + "cgroup", seen.id.value},
          {prefix + "throttled_usec", seen.throttled_usec},
          {prefix + "memory_high_events", seen.high},
          {prefix + "oom_kills", seen.oom.kills},
          {prefix + "oom_groups", seen.oom.groups}};
}

void CounterBook::set_seen(Seen& seen, std::string_view name, std::uint64_t value) {
  if (name == "boot") {
    seen.boot = value;
  } else if (name == "cgroup") {
    seen.id = CgroupId{value};
  } else if (name == "throttled_usec") {
    seen.throttled_usec = value;
  } else if (name == "memory_high_events") {
    seen.high = value;
  } else if (name == "oom_kills") {
    seen.oom.kills = value;
  } else if (name == "oom_groups") {
    seen.oom.groups = value;
  }
}

Status CounterBook::save(diagnosis::StoreWriter& store,
                         std::span<const diagnosis::Verdict> verdicts,
                         const diagnosis::StoredKernelLog& log, bool* log_dropped) {
  std::vector<diagnosis::StoreWriter::Counter> changed;
  const auto collect = [&](const std::string& workload, const Flat& flat) {
    for (const auto& [name, value] : flat) {
      const auto saved = saved_.find({workload, name});
      if (saved == saved_.end() || saved->second != value)
        changed.push_back({workload, name, value});
    }
  };
  // Of a thousand workloads that ended one is new: a death does not wait for the others.
  for (const auto& workload : touched_) {
    if (const auto found = counters_.find(workload); found != counters_.end()) {
      collect(workload, agent::flatten(found->second));
    }
    if (const auto found = seen_.find(workload); found != seen_.end()) {
      collect(workload, flatten(found->second));
    }
  }
  CGW_TRY(store.put(verdicts, changed, log, log_dropped));
  for (auto& counter : changed) saved_[{counter.workload, counter.counter}] = counter.value;
  touched_.clear();
  return {};
}

std::uint64_t boot_number(std::string_view boot_id) {
  constexpr std::size_t kDigits = 15;
  std::string digits;
  for (const char c : boot_id) {
    if (c != '-' && digits.size() < kDigits) digits += c;
  }
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  const bool whole = error == std::errc{} && end == digits.data() + digits.size();
  return whole && digits.size() == kDigits ? number : 0;
}

}  // namespace cgwarden::agent
