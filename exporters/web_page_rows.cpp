#include "exporters/web_page_rows.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::exporters {
namespace {

using Json = nlohmann::json;

struct Shown {
  const cgroup::Sample* sample = nullptr;
  const std::string* workload = nullptr;  // whose payload it is
  const identity::Known* known = nullptr;
};

bool is_of_interest(identity::Kind kind) {
  switch (kind) {
    case identity::Kind::service:
    case identity::Kind::scope:
    case identity::Kind::session:
    case identity::Kind::container:
    case identity::Kind::machine:
    case identity::Kind::vm:
      return true;
    default:
      return false;
  }
}

std::vector<Shown> shown_of(const View& view) {
  std::vector<Shown> all;
  for (const auto& sample : view.snapshot->samples()) {
    Shown shown{&sample, nullptr, view.known(sample.id)};
    const auto workload = view.workload_of_cgroup.find(sample.path);
    if (workload != view.workload_of_cgroup.end()) shown.workload = &workload->second;
    const bool foreign = shown.known != nullptr && is_of_interest(shown.known->identity.kind);
    if (shown.workload != nullptr || foreign) all.push_back(shown);
  }
  std::ranges::stable_sort(all, [](const Shown& a, const Shown& b) {
    if ((a.workload != nullptr) != (b.workload != nullptr)) return a.workload != nullptr;
    return a.sample->memory_current.value_or(Bytes{}) > b.sample->memory_current.value_or(Bytes{});
  });
  return all;
}

std::string name_of(const Shown& shown) {
  if (shown.workload != nullptr) return *shown.workload;
  const identity::Identity& who = shown.known->identity;
  if (!who.pod.empty() && !who.container.empty()) {
    return who.pod_namespace + "/" + who.pod + "/" + who.container;
  }
  if (!who.container.empty()) return who.container;
  if (!who.container_id.empty()) return who.container_id.substr(0, 12);
  if (!who.unit.empty()) return who.unit;
  return shown.sample->path;
}

void put(Json& object, const char* key, const cgroup::Count& count) {
  if (count) object[key] = *count;
}

template <typename T>
Json limit_value(const LimitOf<T>& limit) {
  if (is_max(limit)) return nullptr;
  if constexpr (std::is_same_v<T, Bytes>) {
    return std::get<Bytes>(limit).value;
  } else {
    return std::get<T>(limit);
  }
}

Json cpu_object(const cgroup::Sample& sample) {
  Json cpu = Json::object();
  if (sample.cpu_stat) {
    put(cpu, "usage_usec", sample.cpu_stat->usage_usec);
    put(cpu, "nr_periods", sample.cpu_stat->nr_periods);
    put(cpu, "nr_throttled", sample.cpu_stat->nr_throttled);
    put(cpu, "throttled_usec", sample.cpu_stat->throttled_usec);
  }
  if (sample.cpu_max) {
    const auto* quota = std::get_if<Usec>(&sample.cpu_max->quota);
    cpu["max"] = {{"quota_usec", quota != nullptr ? Json(quota->count()) : Json(nullptr)},
                  {"period_usec", sample.cpu_max->period.count()}};
  }
  return cpu;
}

// The smallest memory.max from here to the root is the one that will be hit.
void put_binding_limit(Json& memory, const cgroup::Snapshot& snapshot,
                       const cgroup::Sample& sample) {
  const cgroup::Sample* binding = nullptr;
  for (const auto* at = &sample; at != nullptr; at = snapshot.parent(*at)) {
    if (!at->memory_max || is_max(*at->memory_max)) continue;
    if (binding == nullptr ||
        std::get<Bytes>(*at->memory_max) < std::get<Bytes>(*binding->memory_max)) {
      binding = at;
    }
  }
  if (binding == nullptr) return;
  memory["limit"] = {{"bytes", std::get<Bytes>(*binding->memory_max).value},
                     {"cgroup", printable(binding->path)}};
}

Json memory_object(const cgroup::Snapshot& snapshot, const cgroup::Sample& sample) {
  Json memory = Json::object();
  if (sample.memory_current) memory["current"] = sample.memory_current->value;
  if (sample.memory_peak) memory["peak"] = sample.memory_peak->value;
  if (sample.memory_swap_current) memory["swap_current"] = sample.memory_swap_current->value;
  if (sample.memory_high) memory["high"] = limit_value(*sample.memory_high);
  if (sample.memory_max) memory["max"] = limit_value(*sample.memory_max);
  if (sample.memory_stat) put(memory, "inactive_file", sample.memory_stat->inactive_file);
  if (sample.memory_events) {
    put(memory, "oom_kill", sample.memory_events->oom_kill);
    put(memory, "high_events", sample.memory_events->high);
  }
  put_binding_limit(memory, snapshot, sample);
  return memory;
}

void put(Json& object, const char* key, const std::optional<cgroup::Pressure>& pressure) {
  if (!pressure) return;
  Json lines = Json::object();
  if (pressure->some) lines["some_usec"] = pressure->some->total_usec;
  if (pressure->full) lines["full_usec"] = pressure->full->total_usec;
  object[key] = std::move(lines);
}

Json row_of(const View& view, const Shown& shown) {
  const cgroup::Sample& sample = *shown.sample;
  Json row{{"name", printable(name_of(shown))},
           {"cgroup", printable(sample.path)},
           // A string: JavaScript's numbers end at 2^53.
           {"id", std::to_string(sample.id.value)},
           {"kind", shown.workload != nullptr ? std::string_view("workload")
                                              : identity::to_string(shown.known->identity.kind)},
           {"cpu", cpu_object(sample)},
           {"memory", memory_object(*view.snapshot, sample)}};
  // The name under which the store has its verdicts.
  if (shown.workload == nullptr && shown.known->subject) {
    row["why"] = printable(identity::to_key(*shown.known->subject));
  }
  Json pressure = Json::object();
  put(pressure, "cpu", sample.cpu_pressure);
  put(pressure, "memory", sample.memory_pressure);
  put(pressure, "io", sample.io_pressure);
  row["pressure"] = std::move(pressure);
  Json pids = Json::object();
  if (sample.pids_current) pids["current"] = *sample.pids_current;
  if (sample.pids_max) pids["max"] = limit_value(*sample.pids_max);
  row["pids"] = std::move(pids);
  if (sample.cgroup_events) {
    if (sample.cgroup_events->frozen) row["frozen"] = *sample.cgroup_events->frozen;
    if (sample.cgroup_events->populated) row["populated"] = *sample.cgroup_events->populated;
  }
  return row;
}

}  // namespace

std::string web_page_rows(const View& view, const std::string& node) {
  Json rows = Json::array();
  const std::vector<Shown> shown = shown_of(view);
  for (std::size_t i = 0; i < std::min(shown.size(), limits::kWebPageRows); ++i) {
    rows.push_back(row_of(view, shown[i]));
  }
  const TimePoint taken = view.snapshot->taken();
  return Json{{"version", 1},
              {"agent", CGWARDEN_VERSION},
              {"node", printable(node)},
              {"boottime_usec", taken.boottime.count()},
              {"wall_usec", taken.wall.count()},
              {"cgroups", view.snapshot->samples().size()},
              {"of", shown.size()},
              {"rows", std::move(rows)}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cgwarden::exporters
