#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/limits.h"
#include "diagnosis/recording/ring.h"
#include "diagnosis/recording/ring_format.h"
#include "diagnosis/recording/varint.h"

namespace cgwarden::diagnosis::recording {
namespace {

std::uint64_t fixed(std::string_view bytes, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return value;
}

Error no_segment() { return Error::malformed("read", "a ring of samples", "it is none"); }

bool bit(std::string_view bits, std::size_t index) {
  return (static_cast<unsigned char>(bits[index / 8]) >> (index % 8) & 1U) != 0;
}

bool read_definition(std::string_view body, Stream& stream) {
  ByteReader reader(body);
  stream.id = CgroupId{reader.varint()};
  stream.run = reader.varint();
  stream.path = reader.text();
  stream.identity.kind = kind_of(reader.text());
  for (const IdentityText& text : kIdentityTexts) stream.identity.*text.member = reader.text();
  return reader.ok() && reader.at_end();
}

}  // namespace

bool RingSegment::read_header(std::string_view header) {
  ByteReader reader(header);
  const std::string_view segment = reader.bytes(8);
  if (!reader.ok()) return false;
  id_ = fixed(segment, 8);
  boot_ = reader.text();
  const std::uint64_t count = reader.varint();
  if (count > limits::kRecordedFields) return false;
  fields_.resize(count);
  for (cgroup::Field& field : fields_) {
    field.name = reader.text();
    const std::uint8_t kind = reader.byte();
    if (kind > static_cast<std::uint8_t>(cgroup::FieldKind::limit)) return false;
    field.kind = static_cast<cgroup::FieldKind>(kind);
  }
  return reader.ok() && reader.at_end();
}

Result<RingSegment> RingSegment::read(std::string_view bytes) {
  constexpr std::size_t kFixed = kRingMagic.size() + 8;
  if (bytes.size() < kFixed || !bytes.starts_with(kRingMagic)) return fail(no_segment());
  const std::uint64_t size = fixed(bytes.substr(8), 4);
  if (size > bytes.size() - kFixed) return fail(no_segment());
  const std::string_view header = bytes.substr(kFixed, size);
  RingSegment segment;
  if (fixed(bytes.substr(12), 4) != crc32_of(header) || !segment.read_header(header)) {
    return fail(no_segment());
  }
  std::size_t at = aligned(kFixed + size);
  segment.used_ = at;
  while (segment.ticks_.size() < limits::kTicksPerCut && at + kFrameHeaderBytes <= bytes.size()) {
    const std::uint64_t length = fixed(bytes.substr(at), 4);
    if (length == 0 || length > bytes.size() - at - kFrameHeaderBytes) break;
    const std::string_view frame = bytes.substr(at + kFrameHeaderBytes, length);
    if (fixed(bytes.substr(at + 4), 4) != crc32_of(frame) || !segment.read_frame(frame)) break;
    at += kFrameHeaderBytes + aligned(length);
    segment.used_ = at;
  }
  std::erase_if(segment.streams_, [](const StreamAt& stream) { return stream.samples.empty(); });
  return segment;
}

// With its sum right, a frame that does not parse was written by a faulty agent: what it gave so
// far stays, as do the frames before it.
bool RingSegment::read_frame(std::string_view frame) {
  ByteReader reader(frame);
  const std::uint64_t wall = reader.varint();
  if (!reader.ok()) return false;
  const auto tick = static_cast<std::uint32_t>(ticks_.size());
  ticks_.push_back(wall);
  while (!reader.at_end()) {
    const std::uint64_t tag = reader.varint();
    const std::string_view body = reader.text();
    if (!reader.ok()) return false;
    const std::uint64_t number = tag >> kTypeBits;
    const std::uint64_t type = tag & ((1U << kTypeBits) - 1);
    if (type == kDefinition) {
      const auto [at, fresh] = by_number_.try_emplace(number, streams_.size());
      if (fresh) {
        if (streams_.size() >= limits::kStreamsPerCut) return false;
        streams_.emplace_back();
      }
      Stream& stream = streams_[at->second].stream;
      if (!read_definition(body, stream)) return false;
      stream.boot = boot_;
      continue;
    }
    const auto at = by_number_.find(number);
    if (at == by_number_.end() || (type != kSample && type != kSampleWithPresence)) return false;
    auto& samples = streams_[at->second].samples;
    if (!samples.empty() && samples.back().tick >= tick) return false;
    samples.push_back({tick, body, type == kSampleWithPresence});
  }
  return true;
}

namespace {

// The columns of a block, of which a field's value and presence last from one change to the next.
class ColumnFill {
 public:
  ColumnFill(std::size_t fields, const ColumnMap& columns, Block& block)
      : values_(fields),
        filled_(fields),
        present_((fields + 7) / 8, '\0'),
        columns_(&columns),
        block_(&block) {}

  // From this sample on.
  void set_presence(std::size_t sample, std::string_view bits) {
    fill_up_to(sample);
    present_ = bits;
  }
  void add(std::size_t field, std::size_t sample, std::uint64_t difference) {
    fill(field, sample);
    values_[field] += difference;
  }
  void fill_up_to(std::size_t sample) {
    for (std::size_t f = 0; f < values_.size(); ++f) fill(f, sample);
  }

 private:
  void fill(std::size_t field, std::size_t until) {
    const std::size_t from = std::exchange(filled_[field], until);
    const std::uint32_t column = (*columns_)[field];
    if (from == until || column == kNoColumn || !bit(present_, field)) return;
    std::uint64_t* const values = block_->values.data() + block_->at(column, from);
    std::uint8_t* const present = block_->present.data() + block_->at(column, from);
    values[0] = values_[field];
    present[0] = 1;
    if (until - from == 1) return;
    std::fill(values + 1, values + (until - from), values_[field]);
    std::memset(present + 1, 1, until - from - 1);
  }

  std::vector<std::uint64_t> values_;
  std::vector<std::size_t> filled_;  // up to this sample
  std::string present_;
  const ColumnMap* columns_;
  Block* block_;
};

}  // namespace

Status RingSegment::decode(std::size_t i, const ColumnMap& columns, std::size_t field_count,
                           Block& block) const {
  const StreamAt& stream = streams_[i];
  const std::size_t bytes = (fields_.size() + 7) / 8;
  block.reset(field_count, stream.samples.size());
  ColumnFill fill(fields_.size(), columns, block);
  for (std::size_t s = 0; s < stream.samples.size(); ++s) {
    const SampleAt& sample = stream.samples[s];
    ByteReader reader(sample.body);
    block.ticks[s] = sample.tick;
    const std::string_view changed = reader.bytes(bytes);
    const std::string_view present = sample.with_presence ? reader.bytes(bytes) : "";
    if (!reader.ok()) return fail(no_segment());
    if (sample.with_presence) fill.set_presence(s, present);
    for (std::size_t b = 0; b < bytes; ++b) {
      for (unsigned left = static_cast<unsigned char>(changed[b]); left != 0; left &= left - 1) {
        const std::size_t f = b * 8 + static_cast<std::size_t>(std::countr_zero(left));
        if (f < fields_.size()) fill.add(f, s, unzigzag(reader.varint()));
      }
    }
    if (!reader.ok() || !reader.at_end()) return fail(no_segment());
  }
  fill.fill_up_to(block.samples());
  return {};
}

}  // namespace cgwarden::diagnosis::recording
