#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "cgroup/fields.h"
#include "diagnosis/recording/block.h"
#include "diagnosis/recording/stream.h"

// The newest samples, in files of the runtime directory that are mapped by the agent and survive it
// (<runtime dir>/recorder/SEGMENT.ring). A segment is begun, gets a frame per tick, is stored as
// one cut and removed. It says all it needs: no other file is asked.
//
//   header: "cgwring1", size and CRC-32 of the rest, segment id, boot id, names and kinds of fields
//   frame, from an address that 8 divides: size, CRC-32, bytes; a size of 0 is the end
//   bytes: wall clock in ms, then records: stream number and type, size, body
//     definition: cgroup id, run, path, kind, names
//     sample: 1 bit per field that changed, [1 bit per field that is there], differences
namespace cgwarden::diagnosis::recording {

inline constexpr std::size_t kFrameHeaderBytes = 8;
[[nodiscard]] constexpr std::size_t aligned(std::size_t size) {
  return (size + 7) & ~std::size_t{7};
}

[[nodiscard]] std::uint32_t crc32_of(std::string_view bytes);

// What a segment begins with; its first frame stands at aligned(size).
[[nodiscard]] std::string ring_header(std::uint64_t segment, std::string_view boot,
                                      std::span<const cgroup::Field> fields);

// Makes the frames of the segments, one after the other.
//
//   frames.begin_tick(now_ms);
//   for (cgroup) frames.add(id, path, identity, values, present);
//   std::string_view bytes = frames.end_tick();
//   // did not fit: frames.begin_segment(), and the same again into a new one.
class FrameEncoder {
 public:
  explicit FrameEncoder(std::span<const cgroup::Field> fields);

  // What follows stands for itself.
  void begin_segment();
  void begin_tick(std::uint64_t wall_ms);
  // `identity` must live until it is replaced by another; the same pointer is the same content.
  void add(CgroupId id, std::string_view path,
           const std::shared_ptr<const identity::Identity>& identity,
           std::span<const std::uint64_t> values, std::span<const std::uint8_t> present);
  // The bytes of the tick, until the next call. Cgroups that were not in it are forgotten.
  [[nodiscard]] std::string_view end_tick();
  [[nodiscard]] std::size_t streams() const { return streams_.size(); }

 private:
  struct State {
    std::uint64_t number = 0;
    std::uint64_t run = 0;
    std::uint64_t segment = 0;  // in which it was last defined
    std::uint64_t tick = 0;     // in which it was last added
    std::string path;
    std::shared_ptr<const identity::Identity> identity;
    std::vector<std::uint64_t> values;
    std::vector<std::uint8_t> present;
    std::vector<std::size_t> unsent;  // fields with a value that this segment does not have yet
  };
  // What a reader of this segment has not got is written as a difference to 0.
  static void forget_unsent(State& state, std::span<const std::uint8_t> present, bool alone);
  void define(CgroupId id, State& state);
  // false: a counter fell; nothing was written, and the state is that of half a sample.
  [[nodiscard]] bool put_sample(State& state, std::span<const std::uint64_t> values,
                                std::span<const std::uint8_t> present, bool presence);
  [[nodiscard]] bool fell(const State& state, std::span<const std::uint64_t> values,
                          std::span<const std::uint8_t> present) const;
  static void begin_run(State& state);

  std::vector<std::uint8_t> counters_;
  std::unordered_map<std::uint64_t, State> streams_;
  std::uint64_t next_number_ = 0;
  std::uint64_t segment_ = 1;
  std::uint64_t tick_ = 0;
  std::size_t in_tick_ = 0;
  std::string frame_;
  std::string body_;
  std::vector<char> sample_;  // room for the largest
};

// Reads the bytes of a segment, which must stay while it is used. What follows the first frame that
// is not whole was never finished, and is not there.
class RingSegment {
 public:
  // malformed: it is no segment.
  [[nodiscard]] static Result<RingSegment> read(std::string_view bytes);

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const std::vector<cgroup::Field>& fields() const { return fields_; }
  [[nodiscard]] const std::vector<std::uint64_t>& ticks() const { return ticks_; }  // wall, ms
  [[nodiscard]] std::size_t streams() const { return streams_.size(); }
  [[nodiscard]] const Stream& stream(std::size_t i) const { return streams_[i].stream; }
  [[nodiscard]] std::size_t samples(std::size_t i) const { return streams_[i].samples.size(); }
  // From the beginning of the header to the end of the last whole frame.
  [[nodiscard]] std::size_t used() const { return used_; }
  // Index of the first and last tick in which the stream has a sample; it has one.
  [[nodiscard]] std::uint32_t first_tick(std::size_t i) const {
    return streams_[i].samples.front().tick;
  }
  [[nodiscard]] std::uint32_t last_tick(std::size_t i) const {
    return streams_[i].samples.back().tick;
  }
  // `columns[n]`: where fields()[n] goes, of `field_count` columns.
  [[nodiscard]] Status decode(std::size_t i, const ColumnMap& columns, std::size_t field_count,
                              Block& block) const;

 private:
  struct SampleAt {
    std::uint32_t tick = 0;
    std::string_view body;
    bool with_presence = false;
  };
  struct StreamAt {
    Stream stream;
    std::vector<SampleAt> samples;
  };
  [[nodiscard]] bool read_header(std::string_view header);
  [[nodiscard]] bool read_frame(std::string_view frame);

  std::uint64_t id_ = 0;
  std::string boot_;
  std::vector<cgroup::Field> fields_;
  std::vector<std::uint64_t> ticks_;
  std::vector<StreamAt> streams_;
  std::unordered_map<std::uint64_t, std::size_t> by_number_;
  std::size_t used_ = 0;
};

}  // namespace cgwarden::diagnosis::recording
