#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cgwarden::diagnosis::recording {

// Samples of one stream, by column. A sample belongs to a tick of its cut, by index.
struct Block {
  std::size_t fields = 0;
  std::vector<std::uint32_t> ticks;  // ascending, one per sample
  // Of field f and sample i: at f * ticks.size() + i. An absent one is 0 and 0.
  std::vector<std::uint64_t> values;
  std::vector<std::uint8_t> present;

  [[nodiscard]] std::size_t samples() const { return ticks.size(); }
  [[nodiscard]] std::size_t at(std::size_t field, std::size_t sample) const {
    return field * ticks.size() + sample;
  }
  // Everything absent; keeps the storage.
  void reset(std::size_t field_count, std::size_t sample_count) {
    fields = field_count;
    ticks.assign(sample_count, 0);
    values.assign(field_count * sample_count, 0);
    present.assign(field_count * sample_count, 0);
  }
  bool operator==(const Block&) const = default;
};

// In which column of a Block a stored field goes; kNoColumn: not wanted.
using ColumnMap = std::vector<std::uint32_t>;
inline constexpr std::uint32_t kNoColumn = 0xFFFFFFFF;

}  // namespace cgwarden::diagnosis::recording
