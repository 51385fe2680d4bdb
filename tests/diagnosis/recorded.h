#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/recording/ring.h"

namespace cgwarden::diagnosis::testing {

// The bytes of a segment as the agent would have mapped them.
class SegmentBytes {
 public:
  using Value = std::optional<std::uint64_t>;
  explicit SegmentBytes(std::uint64_t id, std::span<const cgroup::Field> fields = cgroup::fields(),
                        const std::string& boot = "boot-1")
      : bytes_(recording::ring_header(id, boot, fields)), fields_(fields.size()), frames_(fields) {
    bytes_.resize(recording::aligned(bytes_.size()));
  }

  void begin_tick(std::uint64_t wall_ms) { frames_.begin_tick(wall_ms); }
  void add(std::uint64_t id, std::string_view path, const std::vector<Value>& row) {
    std::vector<std::uint64_t> values(fields_);
    std::vector<std::uint8_t> present(fields_);
    for (std::size_t f = 0; f < row.size(); ++f) {
      values[f] = row[f].value_or(0);
      present[f] = row[f] ? 1 : 0;
    }
    auto& identity = identities_[std::string(path)];
    if (!identity) identity = std::make_shared<identity::Identity>(identity::of_path(path));
    frames_.add(CgroupId{id}, path, identity, values, present);
  }
  void end_tick() {
    const std::string_view frame = frames_.end_tick();
    for (const std::uint32_t word :
         {static_cast<std::uint32_t>(frame.size()), recording::crc32_of(frame)}) {
      for (unsigned shift = 0; shift < 32; shift += 8) {
        bytes_.push_back(static_cast<char>(word >> shift));
      }
    }
    bytes_.append(frame);
    bytes_.resize(recording::aligned(bytes_.size()));
    ends_.push_back(bytes_.size());
  }
  void tick(std::uint64_t wall_ms, std::uint64_t id, std::string_view path,
            const std::vector<Value>& row) {
    begin_tick(wall_ms);
    add(id, path, row);
    end_tick();
  }
  // With the room that follows the last frame in a mapped file.
  [[nodiscard]] std::string bytes() const { return bytes_ + std::string(64, '\0'); }
  [[nodiscard]] const std::vector<std::size_t>& ends() const { return ends_; }

 private:
  std::string bytes_;
  std::size_t fields_;
  recording::FrameEncoder frames_;
  std::map<std::string, std::shared_ptr<const identity::Identity>> identities_;
  std::vector<std::size_t> ends_;
};

// A row of all fields with some of them set by name.
inline std::vector<SegmentBytes::Value> row_of(
    const std::vector<std::pair<std::string_view, std::uint64_t>>& set) {
  std::vector<SegmentBytes::Value> row(cgroup::fields().size());
  for (const auto& [name, value] : set) row.at(cgroup::field_index(name).value()) = value;
  return row;
}

}  // namespace cgwarden::diagnosis::testing
