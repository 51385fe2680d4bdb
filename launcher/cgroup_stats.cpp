// `events --stats` (container_cgroup.h): the control files in the JSON shape of runc's
// types/events.go. Times are in nanoseconds there.
#include <nlohmann/json.hpp>

#include <limits>

#include "base/text.h"
#include "cgroup/directory.h"
#include "cgroup/format.h"
#include "cgroup/sample_reader.h"
#include "launcher/cgroup_host.h"
#include "launcher/container_cgroup.h"

namespace cgwarden::launcher {
namespace {

using cgroup::Sample;
using nlohmann::json;

constexpr std::uint64_t kNsecPerUsec = 1000;
constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

void put(json& object, const char* name, const cgroup::Count& value, std::uint64_t factor = 1) {
  if (value) object[name] = *value * factor;
}

void put(json& object, const char* name, const std::optional<Bytes>& value) {
  if (value) object[name] = value->value;
}

void put(json& object, const char* name, const std::optional<LimitOf<Bytes>>& limit) {
  if (limit) object[name] = is_max(*limit) ? kNoLimit : std::get<Bytes>(*limit).value;
}

json line_json(const cgroup::PressureLine& line) {
  return {{"avg10", line.avg10},
          {"avg60", line.avg60},
          {"avg300", line.avg300},
          {"total", line.total_usec}};
}

void put_pressure(json& object, const std::optional<cgroup::Pressure>& pressure) {
  if (!pressure) return;
  if (pressure->some) object["psi"]["some"] = line_json(*pressure->some);
  if (pressure->full) object["psi"]["full"] = line_json(*pressure->full);
}

json cpu_json(const Sample& sample) {
  json cpu{{"usage", json::object()}, {"throttling", json::object()}};
  if (const auto& stat = sample.cpu_stat) {
    put(cpu["usage"], "total", stat->usage_usec, kNsecPerUsec);
    put(cpu["usage"], "kernel", stat->system_usec, kNsecPerUsec);
    put(cpu["usage"], "user", stat->user_usec, kNsecPerUsec);
    put(cpu["throttling"], "periods", stat->nr_periods);
    put(cpu["throttling"], "throttledPeriods", stat->nr_throttled);
    put(cpu["throttling"], "throttledTime", stat->throttled_usec, kNsecPerUsec);
    put(cpu["throttling"], "burstPeriods", stat->nr_bursts);
    put(cpu["throttling"], "burstTime", stat->burst_usec, kNsecPerUsec);
  }
  put_pressure(cpu, sample.cpu_pressure);
  return cpu;
}

// runc counts swap as v1 did: with the memory.
json swap_json(const Sample& sample) {
  json swap = json::object();
  if (sample.memory_swap_current && sample.memory_current) {
    swap["usage"] = sample.memory_swap_current->value + sample.memory_current->value;
  }
  if (!sample.memory_swap_max || !sample.memory_max) return swap;
  const bool limited = !is_max(*sample.memory_swap_max) && !is_max(*sample.memory_max);
  swap["limit"] = limited ? std::get<Bytes>(*sample.memory_swap_max).value +
                                std::get<Bytes>(*sample.memory_max).value
                          : kNoLimit;
  return swap;
}

// Every key of memory.stat, also those that the product does not know.
json raw_memory_stat(int cgroup) {
  json raw = json::object();
  const auto text = cgroup::read_control_file(cgroup, "memory.stat");
  if (!text) return raw;
  (void)cgroup::parse_flat_keyed(*text, "memory.stat",
                                 [&](std::string_view key, std::string_view value) {
                                   const auto number = parse_integer<std::uint64_t>(value);
                                   if (number) raw[std::string(key)] = *number;
                                   return number.has_value();
                                 });
  return raw;
}

json memory_json(int cgroup, const Sample& sample) {
  json memory{{"usage", json::object()}, {"swap", swap_json(sample)}};
  put(memory["usage"], "usage", sample.memory_current);
  put(memory["usage"], "max", sample.memory_peak);
  put(memory["usage"], "limit", sample.memory_max);
  if (sample.memory_events) put(memory["usage"], "failcnt", sample.memory_events->max);
  if (sample.memory_stat) {
    put(memory, "cache", sample.memory_stat->file);
    if (sample.memory_stat->kernel) memory["kernel"]["usage"] = *sample.memory_stat->kernel;
    if (sample.memory_stat->sock) memory["kernelTCP"]["usage"] = *sample.memory_stat->sock;
  }
  memory["raw"] = raw_memory_stat(cgroup);
  put_pressure(memory, sample.memory_pressure);
  return memory;
}

json pids_json(const Sample& sample) {
  json pids = json::object();
  put(pids, "current", sample.pids_current);
  if (sample.pids_max) {
    pids["limit"] = is_max(*sample.pids_max) ? 0 : std::get<std::uint64_t>(*sample.pids_max);
  }
  return pids;
}

json io_json(const Sample& sample) {
  json bytes = json::array();
  json operations = json::array();
  for (const cgroup::IoStat& device : sample.io_stat.value_or(std::vector<cgroup::IoStat>{})) {
    const auto add = [&](json& table, const char* operation, const cgroup::Count& value) {
      if (!value) return;
      table.push_back(
          {{"major", device.major}, {"minor", device.minor}, {"op", operation}, {"value", *value}});
    };
    add(bytes, "Read", device.rbytes);
    add(bytes, "Write", device.wbytes);
    add(bytes, "Discard", device.dbytes);
    add(operations, "Read", device.rios);
    add(operations, "Write", device.wios);
    add(operations, "Discard", device.dios);
  }
  json io{{"ioServiceBytesRecursive", std::move(bytes)},
          {"ioServicedRecursive", std::move(operations)}};
  put_pressure(io, sample.io_pressure);
  return io;
}

std::optional<std::uint64_t> read_number(int cgroup, const std::string& file) {
  const auto text = cgroup::read_control_file(cgroup, file);
  if (!text) return std::nullopt;
  const auto number = cgroup::parse_number(*text, file);
  return number ? std::optional(*number) : std::nullopt;
}

std::optional<std::uint64_t> read_max_event(int cgroup, const std::string& file) {
  const auto text = cgroup::read_control_file(cgroup, file);
  if (!text) return std::nullopt;
  std::optional<std::uint64_t> count;
  const Status parsed =
      cgroup::parse_flat_keyed(*text, file, [&](std::string_view key, std::string_view value) {
        if (key == "max") count = parse_integer<std::uint64_t>(value);
        return true;
      });
  return parsed ? count : std::nullopt;
}

// One entry for each page size: hugetlb.2MB.current, hugetlb.2MB.events.
json huge_pages_json(const cgroup::Directory& directory) {
  constexpr std::string_view kPrefix = "hugetlb.";
  constexpr std::string_view kSuffix = ".current";
  json sizes = json::object();
  for (const std::string& file : directory.files()) {
    if (!file.starts_with(kPrefix) || !file.ends_with(kSuffix)) continue;
    const std::string size =
        file.substr(kPrefix.size(), file.size() - kPrefix.size() - kSuffix.size());
    if (size.find('.') != std::string::npos) continue;  // 2MB.rsvd
    json entry = json::object();
    put(entry, "usage", read_number(directory.fd(), file));
    put(entry, "failcnt", read_max_event(directory.fd(), "hugetlb." + size + ".events"));
    sizes[size] = std::move(entry);
  }
  return sizes;
}

}  // namespace

Result<std::string> stats_json(const ContainerCgroup& cgroup, const std::string& id) {
  CGW_ASSIGN(const auto tree, host_tree());
  if (!tree || cgroup.path.empty()) {
    return fail(Error{ErrorKind::not_supported, 0, "read", "the container's cgroup",
                      "the container has none"});
  }
  // One open directory for all files: they are of one cgroup at least, if not of one moment.
  CGW_ASSIGN(const UniqueFd opened, tree->open_cgroup(cgroup.path));
  CGW_ASSIGN(const cgroup::Directory directory, cgroup::Directory::open(opened.get(), "."));
  Sample sample;
  CGW_TRY(cgroup::read_files(directory.fd(), directory.files(), cgroup::read_control_file, sample));
  // In the order in which people and scripts know it from runc.
  nlohmann::ordered_json document{{"type", "stats"}, {"id", id}};
  document["data"] = {{"cpu", cpu_json(sample)},
                      {"memory", memory_json(directory.fd(), sample)},
                      {"pids", pids_json(sample)},
                      {"blkio", io_json(sample)},
                      {"hugetlb", huge_pages_json(directory)}};
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace cgwarden::launcher
