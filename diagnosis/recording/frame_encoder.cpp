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

// Without a branch a field: this is looked at for each cgroup and second.
bool FrameEncoder::fell(const State& state, std::span<const std::uint64_t> values,
                        std::span<const std::uint8_t> present) const {
  // An absent one keeps its last value: what comes back with less began anew.
  unsigned any = 0;
  for (std::size_t f = 0; f < counters_.size(); ++f) {
    const unsigned less = values.data()[f] < state.values.data()[f] ? 1U : 0U;
    const unsigned there = present.data()[f] != 0 ? 1U : 0U;
    any |= less & there & counters_.data()[f];
  }
  return any != 0;
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

void FrameEncoder::put_sample(State& state, std::span<const std::uint64_t> values,
                              std::span<const std::uint8_t> present, bool alone) {
  const std::size_t fields = counters_.size();
  const std::size_t bytes = (fields + 7) / 8;
  const bool presence = alone || !std::ranges::equal(present, state.present);
  if (alone || !state.unsent.empty()) forget_unsent(state, present, alone);
  body_.assign(presence ? 2 * bytes : bytes, '\0');
  append_with(body_, fields * kMostVarintBytes, [&](char* at) {
    char* const changes = at - (presence ? 2 * bytes : bytes);
    std::uint64_t* const last = state.values.data();
    for (std::size_t from = 0; from < fields; from += 8) {
      const std::size_t count = std::min<std::size_t>(8, fields - from);
      unsigned changed = 0;
      unsigned there = 0;
      for (std::size_t k = 0; k < count; ++k) {
        const unsigned is_there = present.data()[from + k] != 0 ? 1U : 0U;
        const unsigned differs = values.data()[from + k] != last[from + k] ? 1U : 0U;
        there |= is_there << k;
        changed |= (is_there & differs) << k;
      }
      changes[from / 8] = static_cast<char>(changed);
      if (presence) changes[bytes + from / 8] = static_cast<char>(there);
      for (; changed != 0; changed &= changed - 1) {
        const std::size_t f = from + static_cast<std::size_t>(std::countr_zero(changed));
        at = write_varint(at, zigzag(values.data()[f] - last[f]));
        last[f] = values.data()[f];
      }
    }
    return at;
  });
  if (presence) std::ranges::copy(present, state.present.begin());
  put_varint(frame_, state.number << kTypeBits | (presence ? kSampleWithPresence : kSample));
  put_text(frame_, body_);
}

void FrameEncoder::add(CgroupId id, std::string_view path,
                       const std::shared_ptr<const identity::Identity>& identity,
                       std::span<const std::uint64_t> values,
                       std::span<const std::uint8_t> present) {
  const auto [at, fresh] = streams_.try_emplace(id.value);
  State& state = at->second;
  if (fresh) {
    state.values.assign(counters_.size(), 0);
    state.present.assign(counters_.size(), 0);
  } else if (fell(state, values, present)) {
    ++state.run;
    state.segment = 0;
    std::ranges::fill(state.values, 0);
  }
  state.tick = tick_;
  ++in_tick_;
  const bool alone = state.segment != segment_;
  if (alone || state.identity != identity || state.path != path) {
    state.identity = identity;
    state.path = path;
    define(id, state);
  }
  put_sample(state, values, present, alone);
}

std::string_view FrameEncoder::end_tick() {
  if (in_tick_ != streams_.size()) {
    std::erase_if(streams_, [this](const auto& entry) { return entry.second.tick != tick_; });
  }
  return frame_;
}

}  // namespace cgwarden::diagnosis::recording
