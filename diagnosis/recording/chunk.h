#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "diagnosis/recording/block.h"

// A Block in a few hundred bytes: per field the differences from sample to sample, without the zero
// bits that all of them end in, zigzag, LEB128; all of it through zstd with a checksum.
//
//   version 1, sample count, first tick, 0 or (1 and the steps between ticks less 1), column count
//   per column: step from the last field number, flags, [presence bits], first value
//   per column that changes: its differences
namespace cgwarden::diagnosis::recording {

class ChunkEncoder {
 public:
  ChunkEncoder();
  ChunkEncoder(ChunkEncoder&&) noexcept;
  ChunkEncoder& operator=(ChunkEncoder&&) noexcept;
  ~ChunkEncoder();
  // `numbers[f]`, ascending: the stored number of field f. The block has 1 to
  // limits::kTicksPerCut samples. Valid until the next call.
  [[nodiscard]] Result<std::string_view> encode(const Block& block,
                                                std::span<const std::uint32_t> numbers);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class ChunkDecoder {
 public:
  ChunkDecoder();
  ChunkDecoder(ChunkDecoder&&) noexcept;
  ChunkDecoder& operator=(ChunkDecoder&&) noexcept;
  ~ChunkDecoder();
  // `columns[n]`: where field number n goes, of `fields` columns. malformed: damaged; then `block`
  // is unspecified.
  [[nodiscard]] Status decode(std::string_view chunk, const ColumnMap& columns, std::size_t fields,
                              Block& block);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The times of a cut's ticks, milliseconds of the wall clock, as they are stored with it.
[[nodiscard]] std::string encode_ticks(std::span<const std::uint64_t> ticks);
[[nodiscard]] Result<std::vector<std::uint64_t>> decode_ticks(std::string_view bytes);

}  // namespace cgwarden::diagnosis::recording
