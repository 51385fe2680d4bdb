#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "base/limits.h"
#include "exporters/catalog_readers.h"
#include "exporters/catalog_tables.h"
#include "exporters/escape.h"

namespace cgwarden::exporters {
namespace {

using cgroup::CgroupEvents;
using cgroup::IoStat;
using cgroup::PidsEvents;
using cgroup::Pressure;
using cgroup::Sample;
using readers::stall;
using enum MetricType;

// `device="major:minor"` without an allocation: it is built once per device and family.
class DeviceLabel {
 public:
  explicit DeviceLabel(const IoStat& device) {
    append(R"(device=")");
    append(device.major);
    append(":");
    append(device.minor);
    append("\"");
  }
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }

 private:
  void append(std::string_view piece) {
    std::copy(piece.begin(), piece.end(), text_.begin() + size_);
    size_ += piece.size();
  }
  void append(std::uint32_t number) {
    char* const end = text_.data() + text_.size();
    size_ = static_cast<std::size_t>(std::to_chars(text_.data() + size_, end, number).ptr -
                                     text_.data());
  }

  std::array<char, 40> text_{};  // 8 + 10 + 1 + 10 + 1 bytes at most
  std::size_t size_ = 0;
};

std::span<const IoStat> shown_devices(const Sample& sample) {
  if (!sample.io_stat) return {};
  return std::span(*sample.io_stat)
      .first(std::min(sample.io_stat->size(), limits::kExportedDevices));
}

template <auto Key>
void devices(const Sample& sample, LineSink& sink) {
  for (const IoStat& device : shown_devices(sample)) {
    const cgroup::Count& value = device.*Key;
    if (value) sink.line(DeviceLabel(device).text(), Value::count(*value));
  }
}

std::optional<Value> devices_dropped(const Sample& sample) {
  if (!sample.io_stat || sample.io_stat->size() <= limits::kExportedDevices) return std::nullopt;
  return Value::count(sample.io_stat->size() - limits::kExportedDevices);
}

// Labels whose value is not known or does not apply are left out.
void describe(const Sample& sample, const identity::Known* known, LineSink& sink) {
  std::string labels = "inode=\"" + std::to_string(sample.id.value) + "\"";
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) labels += "," + label(name, value);
  };
  if (known != nullptr) {
    const identity::Identity& identity = known->identity;
    add("kind", to_string(identity.kind));
    add("unit", identity.unit);
    add("slice", identity.slice);
    add("session", identity.session);
    add("user", identity.user);
    add("runtime", identity.runtime);
    add("container", identity.container);
    add("container_id", identity.container_id);
    add("pod", identity.pod);
    add("pod_uid", identity.pod_uid);
    add("namespace", identity.pod_namespace);
    add("image", identity.image);
  }
  sink.line(labels, Value::count(1));
}

}  // namespace

std::vector<CgroupMetric> pressure_metrics() {
  return {
      {{"cgwarden_cgroup_pressure_waiting_seconds_total", counter, "seconds",
        "Time in which at least one task waited for the resource (total of `some` in *.pressure)."},
       {{R"(resource="cpu")", stall<&Sample::cpu_pressure, &Pressure::some>},
        {R"(resource="memory")", stall<&Sample::memory_pressure, &Pressure::some>},
        {R"(resource="io")", stall<&Sample::io_pressure, &Pressure::some>}}},
      {{"cgwarden_cgroup_pressure_stalled_seconds_total", counter, "seconds",
        "Time in which all non-idle tasks waited at once (total of `full` in *.pressure)."},
       {{R"(resource="cpu")", stall<&Sample::cpu_pressure, &Pressure::full>},
        {R"(resource="memory")", stall<&Sample::memory_pressure, &Pressure::full>},
        {R"(resource="io")", stall<&Sample::io_pressure, &Pressure::full>},
        {R"(resource="irq")", stall<&Sample::irq_pressure, &Pressure::full>}}},
  };
}

std::vector<CgroupMetric> io_metrics() {
  return {
      {{"cgwarden_cgroup_io_read_bytes_total", counter, "bytes",
        "Bytes read from the device (io.stat rbytes)."},
       {},
       "device",
       devices<&IoStat::rbytes>},
      {{"cgwarden_cgroup_io_written_bytes_total", counter, "bytes",
        "Bytes written to the device (io.stat wbytes)."},
       {},
       "device",
       devices<&IoStat::wbytes>},
      {{"cgwarden_cgroup_io_discarded_bytes_total", counter, "bytes",
        "Bytes discarded on the device (io.stat dbytes)."},
       {},
       "device",
       devices<&IoStat::dbytes>},
      {{"cgwarden_cgroup_io_reads_total", counter, "", "Read operations (io.stat rios)."},
       {},
       "device",
       devices<&IoStat::rios>},
      {{"cgwarden_cgroup_io_writes_total", counter, "", "Write operations (io.stat wios)."},
       {},
       "device",
       devices<&IoStat::wios>},
      {{"cgwarden_cgroup_io_discards_total", counter, "", "Discard operations (io.stat dios)."},
       {},
       "device",
       devices<&IoStat::dios>},
      {{"cgwarden_cgroup_io_devices_dropped", gauge, "",
        "Devices of io.stat left out of this page; absent when none is."},
       {{"", devices_dropped}}},
  };
}

std::vector<CgroupMetric> pids_metrics() {
  return {
      {{"cgwarden_cgroup_pids_current", gauge, "",
        "Processes and threads in the cgroup and its descendants (pids.current)."},
       {{"", readers::single<&Sample::pids_current>}}},
      {{"cgwarden_cgroup_pids_peak", gauge, "",
        "Highest pids.current since the cgroup was made (pids.peak, from Linux 6.1)."},
       {{"", readers::single<&Sample::pids_peak>}}},
      {{"cgwarden_cgroup_pids_max", gauge, "",
        "Limit of processes and threads (pids.max); absent without a limit."},
       {{"", readers::limit<&Sample::pids_max>}}},
      {{"cgwarden_cgroup_pids_events_max_total", counter, "",
        "Forks refused because of pids.max (pids.events max)."},
       {{"", readers::count<&Sample::pids_events, &PidsEvents::max>}}},
  };
}

std::vector<CgroupMetric> core_metrics() {
  return {
      {{"cgwarden_cgroup_info", info, "",
        "Whose the cgroup is. `inode` tells it from another one of the same path; `kind`, `unit`, "
        "`slice`, `session`, `user`, `runtime`, `container`, `container_id`, `pod`, `pod_uid`, "
        "`namespace` and `image` are left out where they do not apply."},
       {},
       "inode",
       nullptr,
       describe},
      {{"cgwarden_cgroup_populated", gauge, "",
        "1 while a process lives in the cgroup or a descendant (cgroup.events populated)."},
       {{"", readers::flag<&Sample::cgroup_events, &CgroupEvents::populated>}}},
      {{"cgwarden_cgroup_frozen", gauge, "",
        "1 while the cgroup is frozen (cgroup.events frozen)."},
       {{"", readers::flag<&Sample::cgroup_events, &CgroupEvents::frozen>}}},
  };
}

}  // namespace cgwarden::exporters
