#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cgroup/samples.h"

namespace cgwarden::cgroup {

enum class FieldKind : std::uint8_t {
  counter,  // grows as long as the cgroup lives
  gauge,
  limit,  // kNoLimit is the word "max"
};
inline constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();
// "counter", "gauge", "limit".
[[nodiscard]] std::string_view to_string(FieldKind kind);

// One number of a Sample: "cpu.stat.usage_usec" is the key usage_usec of cpu.stat, "memory.current"
// the one number of that file. The unit is what the kernel prints: bytes, microseconds in *_usec,
// events. io.stat is the sum over all devices; *.pressure has the totals; a flag is 0 or 1.
struct Field {
  std::string name;
  FieldKind kind = FieldKind::gauge;
  bool operator==(const Field&) const = default;
};

// All numbers of a Sample, for those who treat them alike. The order is that of one version of this
// program: what is stored goes by the name.
[[nodiscard]] std::span<const Field> fields();
// Its place in fields().
[[nodiscard]] std::optional<std::size_t> field_index(std::string_view name);

// values[i] is fields()[i] where present[i] is 1; an absent one is 0 and 0. Both have
// fields().size() elements.
void read_fields(const Sample& sample, std::span<std::uint64_t> values,
                 std::span<std::uint8_t> present);

}  // namespace cgwarden::cgroup
