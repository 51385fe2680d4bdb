#include "cgroup/fields.h"

#include <algorithm>
#include <vector>

#include "cgroup/field_table.h"

namespace cgwarden::cgroup {
namespace {

using enum FieldKind;

FieldKind always_counter(std::string_view /*key*/) { return counter; }

// mm/memcontrol.c: the vm events and the refaults count, the rest are amounts.
FieldKind of_memory_stat(std::string_view key) {
  return key.starts_with("pg") || key.starts_with("workingset_") ? counter : gauge;
}

Count number(const std::optional<Bytes>& bytes) {
  return bytes ? Count(bytes->value) : std::nullopt;
}
Count number(const std::optional<bool>& flag) { return flag ? Count(*flag ? 1 : 0) : std::nullopt; }
Count number(const std::optional<Usec>& time) { return time ? Count(time->count()) : std::nullopt; }
Count number(const Count& count) { return count; }
Count number(const std::optional<std::uint32_t>& count) {
  return count ? Count(*count) : std::nullopt;
}
std::uint64_t of_limit(const LimitOf<Bytes>& limit) {
  return is_max(limit) ? kNoLimit : std::get<Bytes>(limit).value;
}
std::uint64_t of_limit(const LimitOf<std::uint64_t>& limit) {
  return is_max(limit) ? kNoLimit : std::get<std::uint64_t>(limit);
}
template <typename Limit>
Count number(const std::optional<Limit>& limit) {
  return limit ? Count(of_limit(*limit)) : std::nullopt;
}

// A key that only some devices have counts for those.
Count summed(const std::optional<std::vector<IoStat>>& devices, Count IoStat::* member) {
  Count sum;
  if (!devices) return sum;
  for (const IoStat& device : *devices) {
    if (const Count& value = device.*member) sum = sum.value_or(0) + *value;
  }
  return sum;
}

// Calls `visit(file, key, kind, value)` for every number; the key of a file with one is empty.
template <typename Visit>
class Walk {
 public:
  Walk(const Sample& sample, Visit& visit) : s_(sample), visit_(visit) {}

  void run() {
    keys("cpu.stat", cpu_stat_fields(), s_.cpu_stat);
    keys("cpu.stat.local", cpu_stat_local_fields(), s_.cpu_stat_local);
    cpu_max();
    visit_("cpu.max.burst", "", limit, number(s_.cpu_max_burst));
    visit_("cpu.weight", "", limit, number(s_.cpu_weight));
    memory();
    pressure("cpu.pressure", s_.cpu_pressure);
    pressure("memory.pressure", s_.memory_pressure);
    pressure("io.pressure", s_.io_pressure);
    pressure("irq.pressure", s_.irq_pressure);
    for (const auto& row : io_stat_fields()) {
      visit_("io.stat", row.key, counter, summed(s_.io_stat, row.member));
    }
    visit_("pids.current", "", gauge, number(s_.pids_current));
    visit_("pids.peak", "", gauge, number(s_.pids_peak));
    visit_("pids.max", "", limit, number(s_.pids_max));
    keys("pids.events", pids_events_fields(), s_.pids_events);
    keys("pids.events.local", pids_events_fields(), s_.pids_events_local);
    const CgroupEvents events = s_.cgroup_events.value_or(CgroupEvents{});
    visit_("cgroup.events", "populated", gauge, number(events.populated));
    visit_("cgroup.events", "frozen", gauge, number(events.frozen));
    keys("cgroup.stat", cgroup_stat_fields(), s_.cgroup_stat,
         [](std::string_view) { return gauge; });
  }

 private:
  template <typename Stat>
  void keys(std::string_view file, std::span<const CountField<Stat>> table,
            const std::optional<Stat>& stat, FieldKind (*kind)(std::string_view) = always_counter) {
    for (const auto& row : table) {
      visit_(file, row.key, kind(row.key), stat ? (*stat).*row.member : std::nullopt);
    }
  }

  void cpu_max() {
    Count quota;
    Count period;
    if (s_.cpu_max) {
      const auto& limited = s_.cpu_max->quota;
      quota = is_max(limited) ? kNoLimit : std::get<Usec>(limited).count();
      period = s_.cpu_max->period.count();
    }
    visit_("cpu.max", "quota_usec", limit, quota);
    visit_("cpu.max", "period_usec", limit, period);
  }

  void memory() {
    visit_("memory.current", "", gauge, number(s_.memory_current));
    visit_("memory.peak", "", gauge, number(s_.memory_peak));
    visit_("memory.min", "", limit, number(s_.memory_min));
    visit_("memory.low", "", limit, number(s_.memory_low));
    visit_("memory.high", "", limit, number(s_.memory_high));
    visit_("memory.max", "", limit, number(s_.memory_max));
    visit_("memory.swap.current", "", gauge, number(s_.memory_swap_current));
    visit_("memory.swap.peak", "", gauge, number(s_.memory_swap_peak));
    visit_("memory.swap.high", "", limit, number(s_.memory_swap_high));
    visit_("memory.swap.max", "", limit, number(s_.memory_swap_max));
    keys("memory.events", memory_events_fields(), s_.memory_events);
    keys("memory.events.local", memory_events_fields(), s_.memory_events_local);
    keys("memory.swap.events", swap_events_fields(), s_.memory_swap_events);
    keys("memory.stat", memory_stat_fields(), s_.memory_stat, of_memory_stat);
  }

  void pressure(std::string_view file, const std::optional<Pressure>& pressure) {
    const auto total = [&](std::optional<PressureLine> Pressure::* line) -> Count {
      if (!pressure || !((*pressure).*line)) return std::nullopt;
      return ((*pressure).*line)->total_usec;
    };
    visit_(file, "some_usec", counter, total(&Pressure::some));
    visit_(file, "full_usec", counter, total(&Pressure::full));
  }

  const Sample& s_;
  Visit& visit_;
};

std::vector<Field> list_fields() {
  std::vector<Field> list;
  auto visit = [&](std::string_view file, std::string_view key, FieldKind kind, const Count&) {
    std::string name(file);
    if (!key.empty()) name.append(".").append(key);
    list.push_back({std::move(name), kind});
  };
  const Sample none;
  Walk(none, visit).run();
  return list;
}

}  // namespace

std::string_view to_string(FieldKind kind) {
  static constexpr std::array<std::string_view, 3> kNames{"counter", "gauge", "limit"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::span<const Field> fields() {
  static const std::vector<Field> kList = list_fields();
  return kList;
}

std::optional<std::size_t> field_index(std::string_view name) {
  const auto list = fields();
  const auto at = std::ranges::find(list, name, &Field::name);
  if (at == list.end()) return std::nullopt;
  return static_cast<std::size_t>(at - list.begin());
}

void read_fields(const Sample& sample, std::span<std::uint64_t> values,
                 std::span<std::uint8_t> present) {
  std::size_t at = 0;
  auto visit = [&](std::string_view, std::string_view, FieldKind, const Count& value) {
    values[at] = value.value_or(0);
    present[at++] = value ? 1 : 0;
  };
  Walk(sample, visit).run();
}

}  // namespace cgwarden::cgroup
