#include "agent/stall_reading.h"

#include <sys/stat.h>

#include <string>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "cgroup/format.h"
#include "cgroup/sample_reader.h"

namespace cgwarden::agent {
namespace {

constexpr std::string_view kOverHigh = "mem_cgroup_handle_over_high";

// One cgroup's directory; what cannot be read or parsed is absent.
class StallFiles {
 public:
  explicit StallFiles(UniqueFd directory) : directory_(std::move(directory)) {}

  template <typename Parse>
  [[nodiscard]] auto get(const std::string& file, Parse parse) const
      -> std::optional<typename decltype(parse(std::string_view()))::value_type> {
    const auto text = cgroup::read_control_file(directory_.get(), file);
    if (!text) return std::nullopt;
    auto value = parse(*text);
    if (!value) return std::nullopt;
    return std::move(*value);
  }
  [[nodiscard]] std::optional<Bytes> bytes(const std::string& file) const {
    const auto value = number(file);
    return value ? std::optional(Bytes{*value}) : std::nullopt;
  }
  [[nodiscard]] std::optional<std::uint64_t> number(const std::string& file) const {
    return get(file, [&](std::string_view text) { return cgroup::parse_number(text, file); });
  }
  [[nodiscard]] std::optional<LimitOf<std::uint64_t>> limit(const std::string& file) const {
    return get(file, [&](std::string_view text) { return cgroup::parse_limit(text, file); });
  }
  [[nodiscard]] std::optional<LimitOf<Bytes>> byte_limit(const std::string& file) const {
    const auto value = limit(file);
    if (!value) return std::nullopt;
    if (is_max(*value)) return LimitOf<Bytes>(Max{});
    return LimitOf<Bytes>(Bytes{std::get<std::uint64_t>(*value)});
  }
  [[nodiscard]] std::optional<cgroup::Pressure> pressure(const std::string& file) const {
    return get(file, [&](std::string_view text) { return cgroup::parse_pressure(text, file); });
  }
  [[nodiscard]] std::optional<cgroup::MemoryEvents> memory_events(const std::string& file) const {
    return get(file,
               [&](std::string_view text) { return cgroup::parse_memory_events(text, file); });
  }
  [[nodiscard]] std::optional<cgroup::PidsEvents> pids_events(const std::string& file) const {
    return get(file, [&](std::string_view text) { return cgroup::parse_pids_events(text, file); });
  }
  [[nodiscard]] int fd() const { return directory_.get(); }

 private:
  UniqueFd directory_;
};

}  // namespace

std::optional<diagnosis::StallCgroup> read_stall_cgroup(const cgroup::Tree& tree,
                                                        const Clock& clock, std::string_view path) {
  auto directory = tree.open_cgroup(path);
  if (!directory) return std::nullopt;
  const StallFiles files(std::move(*directory));
  struct ::stat status{};
  if (::fstat(files.fd(), &status) != 0) return std::nullopt;
  diagnosis::StallCgroup cgroup;
  cgroup.path = path;
  cgroup.id = CgroupId{status.st_ino};
  // Local counters first: what happens meanwhile then rises in the hierarchical ones alone, which
  // hides a stall for one look and makes none up.
  cgroup.after.memory_events_local = files.memory_events("memory.events.local");
  cgroup.after.memory_events = files.memory_events("memory.events");
  cgroup.after.pids_events_local = files.pids_events("pids.events.local");
  cgroup.after.pids_events = files.pids_events("pids.events");
  cgroup.memory_current = files.bytes("memory.current");
  cgroup.memory_high = files.byte_limit("memory.high");
  cgroup.memory_max = files.byte_limit("memory.max");
  cgroup.io_max = files.get("io.max", cgroup::parse_io_max);
  cgroup.pids_current = files.number("pids.current");
  cgroup.pids_max = files.limit("pids.max");
  if (const auto events = files.get("cgroup.events", cgroup::parse_cgroup_events)) {
    cgroup.frozen = events->frozen;
  }
  cgroup.freeze = files.get("cgroup.freeze", [](std::string_view text) {
    return cgroup::parse_flag(text, "cgroup.freeze");
  });
  auto& flow = cgroup.flow_after.emplace();
  flow.at = clock.now();
  flow.io_stat = files.get("io.stat", cgroup::parse_io_stat);
  flow.io_pressure = files.pressure("io.pressure");
  flow.memory_pressure = files.pressure("memory.pressure");
  if (const auto stat = files.get("memory.stat", cgroup::parse_memory_stat)) {
    flow.pgscan = stat->pgscan;
  }
  return cgroup;
}

std::optional<std::size_t> held_over_high(const cgroup::Tree& tree, std::string_view path) {
  const auto list = tree.read(path, "cgroup.procs");
  if (!list) return std::nullopt;
  std::optional<std::size_t> held;
  std::size_t looked_at = 0;
  for (const auto line : split(*list, '\n')) {
    if (line.empty() || looked_at++ == limits::kProcessesMeasured) break;
    const auto wchan =
        read_file("/proc/" + std::string(line) + "/wchan", limits::kControlFileBytes);
    if (!wchan) continue;
    held = held.value_or(0) + (trim(*wchan) == kOverHigh ? 1 : 0);
  }
  return held;
}

}  // namespace cgwarden::agent
