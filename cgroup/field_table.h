#pragma once

#include <array>
#include <cstddef>
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

}  // namespace cgwarden::cgroup
