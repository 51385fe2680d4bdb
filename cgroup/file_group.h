#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace cgwarden::cgroup {

// Control files and keys that are read and exported only where somebody asks for them; each group
// is called as its files begin.
enum class FileGroup : std::uint8_t {
  cgroup,            // cgroup.{stat,max.depth,max.descendants,type,freeze}
  cpu,               // cpu.{idle,max.burst,uclamp.min,uclamp.max}, all keys of cpu.stat
  cpuset,            // cpuset.*
  memory,            // memory.{oom.group,swap.*,zswap.*}
  memory_stat,       // all keys of memory.stat
  memory_numa_stat,  // memory.numa_stat: each key for each node
  io,                // io.{max,weight,latency,prio.class,cost.qos,cost.model}, io.stat cost.*
  pids,              // pids.events.local
  hugetlb,           // hugetlb.<size>.*
  rdma,              // rdma.*
  misc,              // misc.*
};
inline constexpr std::size_t kFileGroups = 11;
inline constexpr std::array<FileGroup, kFileGroups> kAllFileGroups{
    FileGroup::cgroup, FileGroup::cpu,         FileGroup::cpuset,
    FileGroup::memory, FileGroup::memory_stat, FileGroup::memory_numa_stat,
    FileGroup::io,     FileGroup::pids,        FileGroup::hugetlb,
    FileGroup::rdma,   FileGroup::misc};
// "memory.numa_stat".
[[nodiscard]] std::string_view to_string(FileGroup group);
// nullopt: there is no such group.
[[nodiscard]] std::optional<FileGroup> file_group(std::string_view name);

// A set of them.
class FileGroups {
 public:
  constexpr FileGroups() = default;
  constexpr FileGroups(std::initializer_list<FileGroup> groups) {
    for (const FileGroup group : groups) add(group);
  }
  [[nodiscard]] static constexpr FileGroups all() {
    FileGroups groups;
    for (const FileGroup group : kAllFileGroups) groups.add(group);
    return groups;
  }

  constexpr void add(FileGroup group) { bits_ = static_cast<std::uint16_t>(bits_ | bit(group)); }
  constexpr void add(FileGroups others) {
    bits_ = static_cast<std::uint16_t>(bits_ | others.bits_);
  }
  [[nodiscard]] constexpr bool has(FileGroup group) const { return (bits_ & bit(group)) != 0; }
  bool operator==(const FileGroups&) const = default;

 private:
  static constexpr unsigned bit(FileGroup group) { return 1U << static_cast<unsigned>(group); }
  std::uint16_t bits_ = 0;
};

}  // namespace cgwarden::cgroup
