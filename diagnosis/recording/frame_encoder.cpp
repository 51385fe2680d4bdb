#include <zlib.h>

#include <algorithm>
#include <bit>

#include "base/limits.h"
#include "diagnosis/recording/ring.h"
#include "diagnosis/recording/ring_format.h"
#include "diagnosis/recording/varint.h"

namespace cgwarden::diagnosis::recording {
namespace {

void put_u32(std::string& out, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

void put_u64(std::string& out, std::uint64_t value) {
  for (unsigned shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

constexpr std::size_t kGroup = 8;  // fields of a byte of the masks
std::size_t mask_bytes(std::size_t fields) { return (fields + kGroup - 1) / kGroup; }

struct Masks {
  unsigned changed = 0;  // and there
  unsigned there = 0;
};

// Without a branch a field: this is looked at for each cgroup and second.
template <typename Count>
Masks masks_of(const std::uint64_t* values, const std::uint64_t* last, const std::uint8_t* present,
               Count count) {
  Masks masks;
#pragma GCC unroll 8
  for (std::size_t k = 0; k < count; ++k) {
    masks.there |= (present[k] != 0 ? 1U : 0U) << k;
    masks.changed |= (values[k] != last[k] ? 1U : 0U) << k;
  }
  masks.changed &= masks.there;
  return masks;
}

}  // namespace

std::uint32_t crc32_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string ring_header(std::uint64_t segment, std::string_view boot,
                        std::span<const cgroup::Field> fields) {
  std::string rest;
  put_u64(rest, segment);
  put_text(rest, boot);
  put_varint(rest, fields.size());
  for (const cgroup::Field& field : fields) {
    put_text(rest, field.name);
    rest.push_back(static_cast<char>(field.kind));
  }
  std::string out(kRingMagic);
  put_u32(out, static_cast<std::uint32_t>(rest.size()));
  put_u32(out, crc32_of(rest));
  return out + rest;
}

FrameEncoder::FrameEncoder(std::span<const cgroup::Field> fields) {
  for (const cgroup::Field& field : fields) {
    counters_.push_back(field.kind == cgroup::FieldKind::counter ? 1 : 0);
  }
  sample_.resize(2 * mask_bytes(fields.size()) + fields.size() * kMostVarintBytes);
}

void FrameEncoder::begin_segment() {
  ++segment_;
  next_number_ = 0;
}

void FrameEncoder::begin_tick(std::uint64_t wall_ms) {
  ++tick_;
  in_tick_ = 0;
  frame_.clear();
  put_varint(frame_, wall_ms);
}

bool FrameEncoder::fell(const State& state, std::span<const std::uint64_t> values,
                        std::span<const std::uint8_t> present) const {
  // An absent one keeps its last value: what comes back with less began anew.
  for (std::size_t f = 0; f < counters_.size(); ++f) {
    if (counters_[f] != 0 && present[f] != 0 && values[f] < state.values[f]) return true;
  }
  return false;
}

void FrameEncoder::begin_run(State& state) {
  ++state.run;
  state.segment = 0;
  std::ranges::fill(state.values, 0);
}

void FrameEncoder::forget_unsent(State& state, std::span<const std::uint8_t> present, bool alone) {
  if (!alone) {
    std::erase_if(state.unsent, [&](std::size_t field) {
      if (present[field] == 0) return false;
      state.values[field] = 0;
      return true;
    });
    return;
  }
  state.unsent.clear();
  for (std::size_t f = 0; f < present.size(); ++f) {
    if (present[f] != 0) {
      state.values[f] = 0;
    } else if (state.values[f] != 0) {
      state.unsent.push_back(f);
    }
  }
}

void FrameEncoder::define(CgroupId id, State& state) {
  if (state.segment != segment_) state.number = next_number_++;
  state.segment = segment_;
  body_.clear();
  put_varint(body_, id.value);
  put_varint(body_, state.run);
  put_text(body_, state.path);
  const identity::Identity none;
  const identity::Identity& identity = state.identity ? *state.identity : none;
  put_text(body_, identity::to_string(identity.kind));
  for (const IdentityText& text : kIdentityTexts) put_text(body_, identity.*text.member);
  put_varint(frame_, state.number << kTypeBits | kDefinition);
  put_text(frame_, body_);
}

bool FrameEncoder::put_sample(State& state, std::span<const std::uint64_t> values,
                              std::span<const std::uint8_t> present, bool presence) {
  using Group = std::integral_constant<std::size_t, kGroup>;
  const std::size_t fields = counters_.size();
  const std::size_t bytes = mask_bytes(fields);
  char* const begin = sample_.data();
  char* at = begin + (presence ? 2 * bytes : bytes);
  std::uint64_t* const last = state.values.data();
  unsigned any_fell = 0;
  for (std::size_t from = 0; from < fields; from += kGroup) {
    const std::uint64_t* const value = values.data() + from;
    const std::uint8_t* const there = present.data() + from;
    const std::size_t count = fields - from;
    const Masks masks = count >= kGroup ? masks_of(value, last + from, there, Group{})
                                        : masks_of(value, last + from, there, count);
    begin[from / kGroup] = static_cast<char>(masks.changed);
    if (presence) begin[bytes + from / kGroup] = static_cast<char>(masks.there);
    for (unsigned left = masks.changed; left != 0; left &= left - 1) {
      const std::size_t f = from + static_cast<std::size_t>(std::countr_zero(left));
      any_fell |= (values.data()[f] < last[f] ? 1U : 0U) & counters_.data()[f];
      at = write_varint(at, zigzag(values.data()[f] - last[f]));
      last[f] = values.data()[f];
    }
  }
  if (any_fell != 0) return false;
  put_varint(frame_, state.number << kTypeBits | (presence ? kSampleWithPresence : kSample));
  put_text(frame_, {begin, static_cast<std::size_t>(at - begin)});
  return true;
}

void FrameEncoder::add(CgroupId id, std::string_view path,
                       const std::shared_ptr<const identity::Identity>& identity,
                       std::span<const std::uint64_t> values,
                       std::span<const std::uint8_t> present) {
  const auto [at, fresh] = streams_.try_emplace(id.value);
  State& state = at->second;
  state.tick = tick_;
  ++in_tick_;
  const bool same = std::ranges::equal(present, state.present);
  if (state.segment == segment_ && state.unsent.empty() && state.identity == identity &&
      state.path == path) {
    if (put_sample(state, values, present, !same)) {
      if (!same) std::ranges::copy(present, state.present.begin());
      return;
    }
    begin_run(state);
  } else if (fresh) {
    state.values.assign(counters_.size(), 0);
    state.present.assign(counters_.size(), 0);
  } else if (fell(state, values, present)) {
    begin_run(state);
  }
  const bool alone = state.segment != segment_;
  if (alone || state.identity != identity || state.path != path) {
    state.identity = identity;
    state.path = path;
    define(id, state);
  }
  if (alone || !state.unsent.empty()) forget_unsent(state, present, alone);
  // What fell began a run above.
  [[maybe_unused]] const bool put = put_sample(state, values, present, alone || !same);
  std::ranges::copy(present, state.present.begin());
}

std::string_view FrameEncoder::end_tick() {
  if (in_tick_ != streams_.size()) {
    std::erase_if(streams_, [this](const auto& entry) { return entry.second.tick != tick_; });
  }
  return frame_;
}

}  // namespace cgwarden::diagnosis::recording
