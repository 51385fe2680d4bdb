#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cgroup/file_group.h"
#include "cgroup/samples.h"

namespace cgwarden::cgroup {

// How often a file is read again. Rates and events are of every tick, what only grows slowly, is
// dear to read or is written by people is not.
enum class Tier : std::uint8_t { tick, medium, slow, limits };
inline constexpr std::size_t kTiers = 4;
inline constexpr std::array<Tier, kTiers> kAllTiers{Tier::tick, Tier::medium, Tier::slow,
                                                    Tier::limits};
// "tick", "medium", "slow", "limits".
[[nodiscard]] std::string_view to_string(Tier tier);

// One control file that a Sample has a member for.
struct SampledFile {
  std::string_view name;
  Tier tier;
  std::optional<FileGroup> group;  // for which alone it is read; none: always
  // Parses `text` into the member; on failure the member is absent and the error says why. Keys
  // that only a group asks for are taken where it is `wanted`.
  Status (*store)(Sample& sample, std::string_view file, std::string_view text, FileGroups wanted);
  // Makes the member absent; `file` with a `*`: of all sizes.
  void (*clear)(Sample& sample, std::string_view file);
  bool of_each_size = false;  // `*` in its name stands for every size of huge pages

  [[nodiscard]] bool wanted(FileGroups groups) const { return !group || groups.has(*group); }
};

inline constexpr std::size_t kSampledFiles = 73;
// The files of Tier::tick stand first, in the order in which they are read; cgroup.controllers
// last: it is in every cgroup as long as the cgroup lives.
[[nodiscard]] std::span<const SampledFile, kSampledFiles> sampled_files();
inline constexpr std::size_t kTickFiles = 7;
inline constexpr std::size_t kCpuStat = 0;
inline constexpr std::size_t kCgroupEvents = kTickFiles - 1;

// "hugetlb.2MB.max" of "hugetlb.*.max".
[[nodiscard]] std::string file_of_size(std::string_view pattern, std::string_view size);

// Its place in sampled_files(); kSampledFiles when a Sample has no member for it.
[[nodiscard]] std::size_t sampled_file(std::string_view name);

// The name that stands for a cgroup whose directory cannot be opened, in Sample::unreadable.
inline constexpr std::string_view kDirectoryItself = ".";

// What to say of a file that could not be read.
[[nodiscard]] Sample::Unreadable unreadable(std::string_view file, const Error& error);

}  // namespace cgwarden::cgroup
