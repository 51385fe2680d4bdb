#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "identity/identity.h"

#include "cgroup/fields.h"
#include "cli/top/frame.h"

// Frames for the tests of `cgwarden top`.
namespace cgwarden::cli::top {

using Values = std::initializer_list<std::pair<std::string_view, std::uint64_t>>;

inline Numbers numbers(Values values) {
  Numbers all{std::vector<std::uint64_t>(cgroup::fields().size()),
              std::vector<std::uint8_t>(cgroup::fields().size())};
  for (const auto& [name, value] : values) {
    const std::size_t at = cgroup::field_index(name).value();
    all.values[at] = value;
    all.present[at] = 1;
  }
  return all;
}

inline Reading reading(std::string path, Values before, Values now,
                       Usec between = Usec{2'000'000}) {
  Reading made;
  made.path = std::move(path);
  made.identity = identity::of_path(made.path);
  made.now = numbers(now);
  if (before.size() > 0) made.rates = rates_of(numbers(before), made.now, between);
  return made;
}

inline constexpr Usec kWall{1'769'860'800'000'000};  // 2026-01-31 12:00:00 UTC
inline constexpr std::uint64_t kMiB = 1024 * 1024;

inline Frame framed(std::vector<Reading> readings) {
  return make_frame(kWall, Usec{2'000'000}, std::move(readings));
}

// A workload at its quota and near its memory limit below a slice with a smaller one, and others.
inline Frame busy_frame() {
  std::vector<Reading> all;
  all.push_back(reading("/", {{"cpu.stat.usage_usec", 0}}, {{"cpu.stat.usage_usec", 3'000'000}}));
  all.push_back(reading("/cgwarden.slice", {{"cpu.stat.usage_usec", 0}},
                        {{"cpu.stat.usage_usec", 1'000'000},
                         {"memory.current", 120 * kMiB},
                         {"memory.max", 128 * kMiB}}));
  all.push_back(reading("/cgwarden.slice/web.scope", {{"cpu.stat.usage_usec", 5'000'000}},
                        {{"cpu.stat.usage_usec", 6'000'000},
                         {"memory.current", 100 * kMiB},
                         {"memory.max", cgroup::kNoLimit},
                         {"pids.current", 3}}));
  all.push_back(reading("/cgwarden.slice/web.scope/payload",
                        {{"cpu.stat.usage_usec", 5'000'000},
                         {"cpu.stat.nr_periods", 100},
                         {"cpu.stat.nr_throttled", 40},
                         {"cpu.stat.throttled_usec", 1'000'000},
                         {"memory.pressure.some_usec", 0},
                         {"memory.pressure.full_usec", 0},
                         {"cpu.pressure.some_usec", 0},
                         {"io.stat.rbytes", 0}},
                        {{"cpu.stat.usage_usec", 6'000'000},
                         {"cpu.stat.nr_periods", 120},
                         {"cpu.stat.nr_throttled", 55},
                         {"cpu.stat.throttled_usec", 2'500'000},
                         {"memory.current", 100 * kMiB},
                         {"memory.max", 256 * kMiB},
                         {"memory.events.oom_kill", 2},
                         {"memory.pressure.some_usec", 500'000},
                         {"memory.pressure.full_usec", 200'000},
                         {"cpu.pressure.some_usec", 4'000'000},
                         {"io.stat.rbytes", 4 * kMiB},
                         {"pids.current", 3}}));
  all.push_back(reading("/system.slice", {{"cpu.stat.usage_usec", 0}},
                        {{"cpu.stat.usage_usec", 400'000}, {"memory.current", 900 * kMiB}}));
  all.push_back(reading("/system.slice/ssh.service", {{"cpu.stat.usage_usec", 0}},
                        {{"cpu.stat.usage_usec", 200'000},
                         {"memory.current", 5 * kMiB},
                         {"memory.max", cgroup::kNoLimit}}));
  // It was not there a tick ago, and no controller is on.
  all.push_back(reading("/system.slice/new.service", {}, {{"cpu.stat.usage_usec", 70}}));
  return framed(std::move(all));
}

inline const Row& row_at(const Frame& frame, std::string_view path) {
  for (const Row& row : frame.rows) {
    if (row.path == path) return row;
  }
  static const Row kNone;
  return kNone;
}

}  // namespace cgwarden::cli::top
