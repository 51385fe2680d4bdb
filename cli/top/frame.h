#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/identity.h"

#include "base/units.h"

// What `cgwarden top` shows of one moment, wherever it comes from. Pure.
namespace cgwarden::cli::top {

// What a row shows, in the order of the table.
enum class Column : std::uint8_t {
  name,
  kind,
  cpu,          // cores in use
  throttled,    // share of its periods, 0..1; absent when no period passed
  lost,         // seconds per second that threads stood throttled
  memory,       // memory.current
  limit,        // the smallest memory.max of itself and its ancestors; infinite: "max"
  share,        // memory of limit, 0..1
  memory_some,  // share of the time with a task waiting (PSI), 0..1
  memory_full,
  cpu_some,
  cpu_full,
  io_some,
  io_full,
  read,  // bytes per second, all devices
  write,
  pids,
  oom_kill,  // memory.events, since it was made
  verdict,   // of the store
};
inline constexpr std::size_t kColumns = 19;

// All numbers of one sample: element i is cgroup::fields()[i].
struct Numbers {
  std::vector<std::uint64_t> values;
  std::vector<std::uint8_t> present;

  [[nodiscard]] std::optional<std::uint64_t> at(std::size_t field) const;
  [[nodiscard]] std::optional<std::uint64_t> at(std::string_view field) const;
};

// One cgroup as the kernel or the recording has it.
struct Reading {
  std::string path;
  CgroupId id;
  identity::Identity identity;
  Numbers now;
  std::vector<std::optional<double>> rates;  // per second, by field; may be empty
};

// Growth of the counters of one life per second. A counter that is smaller than before began anew
// and has none.
[[nodiscard]] std::vector<std::optional<double>> rates_of(const Numbers& before, const Numbers& now,
                                                          Usec between);

struct LastVerdict {
  std::string word;  // "OOM_OWN_LIMIT"
  std::string confidence;
  std::string answer;
  Usec when{0};
};

struct Row {
  std::string path;
  CgroupId id;
  identity::Identity identity;
  std::string name;  // for people; as foreign as the path
  Numbers now;
  std::array<std::optional<double>, kColumns> values;  // by Column; a text has none
  std::string limit_of;  // the cgroup whose memory.max is the smallest; empty: none is limited
  std::optional<LastVerdict> verdict;

  [[nodiscard]] std::optional<double> value(Column column) const {
    return values.at(static_cast<std::size_t>(column));
  }
};

struct Frame {
  Usec time{0};                 // wall clock of the tick
  std::optional<Usec> between;  // since the tick before; absent: there are no rates
  std::size_t dropped = 0;      // cgroups that a limit left out
  std::vector<Row> rows;        // by path
};

[[nodiscard]] Frame make_frame(Usec time, std::optional<Usec> between,
                               std::vector<Reading> readings);

// What people call it: the workload, "namespace/pod/container", the unit; else the last part of the
// path.
[[nodiscard]] std::string name_of(std::string_view path, const identity::Identity& identity);

// The name under which the store has its verdicts; empty: it has none.
[[nodiscard]] std::string store_name_of(const identity::Identity& identity);

// By its path, workload, unit, container, container id (12 digits or more), pod or machine.
[[nodiscard]] bool is_called(std::string_view path, const identity::Identity& identity,
                             std::string_view name);

// Leaves the cgroups that are called so and what is inside them. An empty name leaves all.
void keep_called(Frame& frame, std::string_view name);

}  // namespace cgwarden::cli::top
