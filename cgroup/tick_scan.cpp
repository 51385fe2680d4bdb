#include "cgroup/tick_scan.h"

#include <array>
#include <type_traits>
#include <utility>

#include "cgroup/sampled_files.h"
#include "cgroup/scan.h"

namespace cgwarden::cgroup {
namespace {

bool scan_bytes_value(std::string_view text, Bytes& out) { return scan_number(text, out.value); }

template <auto Member, auto Scan>
bool take(std::string_view text, SharedSample& sample) {
  using Value = typename std::remove_cvref_t<decltype(std::declval<Sample>().*Member)>::value_type;
  Value value{};
  if (!Scan(text, value)) return false;
  const auto& before = (*sample).*Member;
  // What is not changed is shared by one more snapshot.
  if (!before || *before != value) sample.change().*Member = value;
  return true;
}

struct TickScan {
  std::string_view file;
  bool (*take)(std::string_view text, SharedSample& sample);
};

using S = Sample;

// In the order of sampled_files().
constexpr std::array<TickScan, kTickFiles> kScans{{
    {"cpu.stat", take<&S::cpu_stat, scan_cpu_stat>},
    {"memory.current", take<&S::memory_current, scan_bytes_value>},
    {"memory.events", take<&S::memory_events, scan_memory_events>},
    {"cpu.pressure", take<&S::cpu_pressure, scan_pressure>},
    {"memory.pressure", take<&S::memory_pressure, scan_pressure>},
    {"io.pressure", take<&S::io_pressure, scan_pressure>},
    {"cgroup.events", take<&S::cgroup_events, scan_cgroup_events>},
}};

}  // namespace

bool take_scanned(std::size_t file, std::string_view text, SharedSample& sample) {
  const TickScan& scan = kScans.at(file);
  // A table that was changed alone is slow, never wrong.
  return scan.file == sampled_files()[file].name && scan.take(text, sample);
}

}  // namespace cgwarden::cgroup
