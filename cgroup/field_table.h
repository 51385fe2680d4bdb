#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/text.h"
#include "cgroup/format.h"

namespace cgwarden::cgroup {

// One row of the table of a flat keyed file: the kernel's key and the member that holds its value.
template <typename Stat>
struct CountField {
  std::string_view key;
  Count Stat::* member;
};

// The tables of the files whose numbers are read by one.
[[nodiscard]] std::span<const CountField<CpuStat>> cpu_stat_fields();
[[nodiscard]] std::span<const CountField<CpuStatLocal>> cpu_stat_local_fields();
[[nodiscard]] std::span<const CountField<MemoryStat>> memory_stat_fields();
[[nodiscard]] std::span<const CountField<MemoryEvents>> memory_events_fields();
[[nodiscard]] std::span<const CountField<SwapEvents>> swap_events_fields();
[[nodiscard]] std::span<const CountField<IoStat>> io_stat_fields();
[[nodiscard]] std::span<const CountField<PidsEvents>> pids_events_fields();
[[nodiscard]] std::span<const CountField<CgroupStat>> cgroup_stat_fields();

// Reads a flat keyed file of unsigned numbers by its table. Keys outside the table are skipped
// whatever their value; a table key with anything but a number is malformed.
template <typename Stat, std::size_t Size>
[[nodiscard]] Result<Stat> parse_counts(std::string_view text, std::string_view where,
                                        const std::array<CountField<Stat>, Size>& table) {
  Stat stat;
  // Tables are in the kernel's order, so the row after the last hit is nearly always the next one.
  std::size_t next = 0;
  CGW_TRY(parse_flat_keyed(text, where, [&](std::string_view key, std::string_view value) {
    for (std::size_t step = 0; step < Size; ++step) {
      const std::size_t row = (next + step) % Size;
      if (table[row].key != key) continue;
      next = row + 1;
      stat.*table[row].member = parse_integer<std::uint64_t>(value);
      return (stat.*table[row].member).has_value();
    }
    return true;
  }));
  return stat;
}

// The keys outside a table that a scan remembers, so that none may stand twice: kernels later than
// the table have added one or two at a time. With more, the parser reads the file.
class UnknownKeys {
 public:
  // false when the key was there before, or there is no room.
  [[nodiscard]] bool add(std::string_view key) {
    if (count_ == keys_.size()) return false;
    const auto end = keys_.begin() + count_;
    if (std::find(keys_.begin(), end, key) != end) return false;
    keys_.at(count_++) = key;
    return true;
  }

 private:
  std::array<std::string_view, 16> keys_;
  std::size_t count_ = 0;
};

// Takes "KEY VALUE\n" off `text`; false when it does not begin with one.
[[nodiscard]] inline bool take_pair(std::string_view& text, std::string_view& key,
                                    std::string_view& value) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  const std::string_view line = text.substr(0, end);
  const std::size_t blank = line.find(' ');
  if (blank == 0 || blank == std::string_view::npos || blank + 1 == end) return false;
  key = line.substr(0, blank);
  value = line.substr(blank + 1);
  text.remove_prefix(end + 1);
  return true;
}

// parse_counts() without allocation; false where it would fail, and where a file has more unknown
// keys than UnknownKeys holds.
template <typename Stat, std::size_t Size>
[[nodiscard]] bool scan_counts(std::string_view text,
                               const std::array<CountField<Stat>, Size>& table, Stat& stat) {
  stat = Stat{};
  std::bitset<Size> seen;
  UnknownKeys unknown;
  std::size_t next = 0;
  while (!text.empty()) {
    std::string_view key;
    std::string_view value;
    if (!take_pair(text, key, value)) return false;
    std::size_t row = Size;
    for (std::size_t step = 0; step < Size && row == Size; ++step) {
      const std::size_t at = (next + step) % Size;
      if (table[at].key == key) row = at;
    }
    if (row == Size) {
      if (!unknown.add(key)) return false;
      continue;
    }
    const auto number = parse_integer<std::uint64_t>(value);
    if (seen.test(row) || !number) return false;
    seen.set(row);
    stat.*table[row].member = number;
    next = row + 1;
  }
  return true;
}

}  // namespace cgwarden::cgroup
