#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <variant>

namespace cgwarden {

using Usec = std::chrono::duration<std::uint64_t, std::micro>;

struct Bytes {
  std::uint64_t value = 0;
  auto operator<=>(const Bytes&) const = default;
};

// The word "max" of a cgroup control file: no limit.
struct Max {
  auto operator<=>(const Max&) const = default;
};

// A control-file value that is a number or "max". Absent is std::optional<LimitOf<T>>, never 0 or
// -1.
template <typename T>
using LimitOf = std::variant<Max, T>;

template <typename T>
[[nodiscard]] bool is_max(const LimitOf<T>& limit) {
  return std::holds_alternative<Max>(limit);
}

// Identity of a cgroup: the inode number of its directory, which is the kernel's 64-bit cgroup id
// on 64-bit hosts (kernfs id; include/linux/kernfs.h). Paths are reused, ids are not.
struct CgroupId {
  std::uint64_t value = 0;
  auto operator<=>(const CgroupId&) const = default;
};

// "64.0 MiB", "512 B": for people, one decimal from KiB on.
[[nodiscard]] std::string human_bytes(Bytes bytes);
// "1.50 s", "20 ms", "350 us": for people.
[[nodiscard]] std::string human_duration(Usec duration);

}  // namespace cgwarden
