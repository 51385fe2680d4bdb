#include "diagnosis/recording/chunk.h"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/limits.h"
#include "diagnosis/recording/varint.h"

namespace cgwarden::diagnosis::recording {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kSomeAbsent = 1;
constexpr std::uint8_t kChanges = 2;
constexpr unsigned kShiftBits = 2;  // flags >> 2: the zero bits taken off the differences
// Of the columns of one minute, level 3 gains a percent for half as much time again.
constexpr int kLevel = 1;

Error damaged() { return Error::malformed("read", "a chunk of samples", "it is damaged"); }

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ::ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ::ZSTD_freeDCtx(context); }
};

void put_ticks(std::string& out, const Block& block) {
  put_varint(out, block.ticks.front());
  const bool gaps = block.ticks.back() - block.ticks.front() + 1 != block.samples();
  out.push_back(gaps ? 1 : 0);
  if (!gaps) return;
  for (std::size_t i = 1; i < block.samples(); ++i) {
    put_varint(out, block.ticks[i] - block.ticks[i - 1] - 1);
  }
}

std::uint64_t shift_right(std::uint64_t difference, unsigned shift) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(difference) >> shift);
}

// One column of a block: what its header says.
struct ColumnShape {
  std::size_t present = 0;
  std::uint64_t first = 0;
  std::uint64_t bits = 0;  // all differences or-ed
};

ColumnShape shape_of(std::span<const std::uint64_t> values, std::span<const std::uint8_t> present) {
  ColumnShape shape;
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (present[i] == 0) continue;
    if (shape.present++ == 0) {
      shape.first = values[i];
    } else {
      shape.bits |= values[i] - last;
    }
    last = values[i];
  }
  return shape;
}

// Of a column without a gap, as most are.
ColumnShape shape_of(std::span<const std::uint64_t> values) {
  const std::uint64_t* const at = values.data();
  ColumnShape shape{.present = values.size(), .first = at[0]};
  for (std::size_t i = 1; i < values.size(); ++i) shape.bits |= at[i] - at[i - 1];
  return shape;
}

char* write_difference(char* at, std::uint64_t difference, unsigned shift) {
  return write_varint(at, zigzag(shift_right(difference, shift)));
}

void put_differences(std::string& out, std::span<const std::uint64_t> values,
                     std::span<const std::uint8_t> present, unsigned shift) {
  append_with(out, values.size() * kMostVarintBytes, [&](char* at) {
    bool first = true;
    std::uint64_t last = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (present[i] == 0) continue;
      if (!first) at = write_difference(at, values[i] - last, shift);
      first = false;
      last = values[i];
    }
    return at;
  });
}

void put_differences(std::string& out, std::span<const std::uint64_t> values, unsigned shift) {
  append_with(out, values.size() * kMostVarintBytes, [&](char* at) {
    const std::uint64_t* const value = values.data();
    for (std::size_t i = 1; i < values.size(); ++i) {
      at = write_difference(at, value[i] - value[i - 1], shift);
    }
    return at;
  });
}

void put_presence(std::string& out, std::span<const std::uint8_t> present) {
  std::uint8_t bits = 0;
  for (std::size_t i = 0; i < present.size(); ++i) {
    if (present[i] != 0) bits = static_cast<std::uint8_t>(bits | 1U << (i % 8));
    if (i % 8 == 7 || i + 1 == present.size()) {
      out.push_back(static_cast<char>(bits));
      bits = 0;
    }
  }
}

}  // namespace

struct ChunkEncoder::Impl {
  std::unique_ptr<ZSTD_CCtx, FreeCompressor> context{::ZSTD_createCCtx()};
  std::string header;
  std::string differences;
  std::string compressed;
};

ChunkEncoder::ChunkEncoder() : impl_(std::make_unique<Impl>()) {
  auto* context = impl_->context.get();
  ::ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kLevel);
  ::ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
}
ChunkEncoder::ChunkEncoder(ChunkEncoder&&) noexcept = default;
ChunkEncoder& ChunkEncoder::operator=(ChunkEncoder&&) noexcept = default;
ChunkEncoder::~ChunkEncoder() = default;

Result<std::string_view> ChunkEncoder::encode(const Block& block,
                                              std::span<const std::uint32_t> numbers) {
  std::string& out = impl_->header;
  out.clear();
  impl_->differences.clear();
  out.push_back(static_cast<char>(kVersion));
  put_varint(out, block.samples());
  put_ticks(out, block);
  std::string columns;
  std::size_t count = 0;
  std::uint32_t last_number = 0;
  for (std::size_t f = 0; f < block.fields; ++f) {
    const std::span values(block.values.data() + block.at(f, 0), block.samples());
    const std::span present(block.present.data() + block.at(f, 0), block.samples());
    const bool whole = std::memchr(present.data(), 0, present.size()) == nullptr;
    const ColumnShape shape = whole ? shape_of(values) : shape_of(values, present);
    if (shape.present == 0) continue;
    put_varint(columns, numbers[f] - last_number);
    last_number = numbers[f];
    ++count;
    const unsigned shift =
        shape.bits == 0 ? 0 : static_cast<unsigned>(std::countr_zero(shape.bits));
    std::uint8_t flags = 0;
    if (shape.present < block.samples()) flags |= kSomeAbsent;
    if (shape.bits != 0) flags = static_cast<std::uint8_t>(flags | kChanges | shift << kShiftBits);
    columns.push_back(static_cast<char>(flags));
    if ((flags & kSomeAbsent) != 0) put_presence(columns, present);
    put_varint(columns, shape.first);
    if (shape.bits == 0) continue;
    if (whole) {
      put_differences(impl_->differences, values, shift);
    } else {
      put_differences(impl_->differences, values, present, shift);
    }
  }
  put_varint(out, count);
  out.append(columns).append(impl_->differences);
  impl_->compressed.resize(::ZSTD_compressBound(out.size()));
  const std::size_t size = ::ZSTD_compress2(impl_->context.get(), impl_->compressed.data(),
                                            impl_->compressed.size(), out.data(), out.size());
  if (::ZSTD_isError(size) != 0) {
    return fail(Error{ErrorKind::io, 0, "compress", "samples", ::ZSTD_getErrorName(size)});
  }
  return std::string_view(impl_->compressed).substr(0, size);
}

namespace {

struct ColumnHeader {
  std::uint32_t column = kNoColumn;
  std::uint8_t flags = 0;
  std::size_t present = 0;
  std::string_view bits;  // empty: all are present
  std::uint64_t first = 0;
};

bool is_present(const ColumnHeader& header, std::size_t sample) {
  return header.bits.empty() ||
         (static_cast<unsigned char>(header.bits[sample / 8]) >> (sample % 8) & 1U) != 0;
}

bool read_sample_ticks(ByteReader& reader, std::vector<std::uint32_t>& ticks) {
  std::uint64_t tick = reader.varint();
  const std::uint8_t gaps = reader.byte();
  if (!reader.ok() || gaps > 1) return false;
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    if (i > 0) {
      const std::uint64_t step = gaps == 1 ? reader.varint() : 0;
      if (step >= limits::kTicksPerCut) return false;
      tick += 1 + step;
    }
    if (tick >= limits::kTicksPerCut) return false;
    ticks[i] = static_cast<std::uint32_t>(tick);
  }
  return reader.ok();
}

bool read_header(ByteReader& reader, std::uint64_t& number, std::size_t samples,
                 const ColumnMap& columns, ColumnHeader& header) {
  const std::uint64_t step = reader.varint();
  if (step > limits::kRecordedFields) return false;
  number += step;
  header.column = number < columns.size() ? columns[number] : kNoColumn;
  header.flags = reader.byte();
  header.present = samples;
  if ((header.flags & kSomeAbsent) != 0) {
    header.bits = reader.bytes((samples + 7) / 8);
    if (!reader.ok()) return false;
    header.present = 0;
    for (std::size_t i = 0; i < samples; ++i) header.present += is_present(header, i) ? 1 : 0;
    if (header.present == 0) return false;
  }
  header.first = reader.varint();
  return reader.ok();
}

bool read_column(ByteReader& reader, const ColumnHeader& header, Block& block) {
  const bool changes = (header.flags & kChanges) != 0;
  if (header.column == kNoColumn) return !changes || reader.skip_varints(header.present - 1);
  const unsigned shift = header.flags >> kShiftBits;
  std::uint64_t value = header.first;
  bool first = true;
  for (std::size_t i = 0; i < block.samples(); ++i) {
    if (!is_present(header, i)) continue;
    if (!first && changes) value += unzigzag(reader.varint()) << shift;
    first = false;
    block.values[block.at(header.column, i)] = value;
    block.present[block.at(header.column, i)] = 1;
  }
  return reader.ok();
}

bool read_block(std::string_view plain, const ColumnMap& columns, std::size_t fields,
                std::vector<ColumnHeader>& headers, Block& block) {
  ByteReader reader(plain);
  if (reader.byte() != kVersion) return false;
  const std::uint64_t samples = reader.varint();
  if (samples == 0 || samples > limits::kTicksPerCut) return false;
  block.reset(fields, samples);
  if (!read_sample_ticks(reader, block.ticks)) return false;
  const std::uint64_t count = reader.varint();
  if (count > limits::kRecordedFields) return false;
  headers.assign(count, {});
  std::uint64_t number = 0;
  for (ColumnHeader& header : headers) {
    if (!read_header(reader, number, samples, columns, header)) return false;
  }
  for (const ColumnHeader& header : headers) {
    if (header.column != kNoColumn && header.column >= fields) return false;
    if (!read_column(reader, header, block)) return false;
  }
  return reader.ok() && reader.at_end();
}

}  // namespace

struct ChunkDecoder::Impl {
  std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context{::ZSTD_createDCtx()};
  std::string plain;
  std::vector<ColumnHeader> headers;
};

ChunkDecoder::ChunkDecoder() : impl_(std::make_unique<Impl>()) {}
ChunkDecoder::ChunkDecoder(ChunkDecoder&&) noexcept = default;
ChunkDecoder& ChunkDecoder::operator=(ChunkDecoder&&) noexcept = default;
ChunkDecoder::~ChunkDecoder() = default;

Status ChunkDecoder::decode(std::string_view chunk, const ColumnMap& columns, std::size_t fields,
                            Block& block) {
  const unsigned long long size = ::ZSTD_getFrameContentSize(chunk.data(), chunk.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN ||
      size > limits::kChunkBytes) {
    return fail(damaged());
  }
  impl_->plain.resize(size);
  const std::size_t got = ::ZSTD_decompressDCtx(impl_->context.get(), impl_->plain.data(),
                                                impl_->plain.size(), chunk.data(), chunk.size());
  if (::ZSTD_isError(got) != 0 || got != size) return fail(damaged());
  if (!read_block(impl_->plain, columns, fields, impl_->headers, block)) return fail(damaged());
  return {};
}

std::string encode_ticks(std::span<const std::uint64_t> ticks) {
  std::string out;
  put_varint(out, ticks.size());
  std::uint64_t last = 0;
  for (const std::uint64_t tick : ticks) {
    put_varint(out, zigzag(tick - last));
    last = tick;
  }
  return out;
}

Result<std::vector<std::uint64_t>> decode_ticks(std::string_view bytes) {
  ByteReader reader(bytes);
  const std::uint64_t count = reader.varint();
  if (count > limits::kTicksPerCut) return fail(damaged());
  std::vector<std::uint64_t> ticks(count);
  std::uint64_t last = 0;
  for (std::uint64_t& tick : ticks) tick = last += unzigzag(reader.varint());
  if (!reader.ok() || !reader.at_end()) return fail(damaged());
  return ticks;
}

}  // namespace cgwarden::diagnosis::recording
