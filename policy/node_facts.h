#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/units.h"

namespace cgwarden::policy {

// What a policy may refer to and no cgroup file tells. Absent: not known, and what needs it is
// skipped or silent.
struct NodeFacts {
  std::optional<std::uint64_t> cpus;         // online
  std::optional<Bytes> memory;               // MemTotal
  std::optional<Bytes> swap;                 // SwapTotal; 0: there is none
  std::optional<std::uint64_t> pids_max;     // kernel.pid_max
  std::optional<bool> bfq;                   // some device has this scheduler
  std::optional<bool> recursive_protection;  // cgroup2 is mounted with memory_recursiveprot
  // "8:0" of "sda" or of a path below /dev; nullopt: there is no such block device. May be empty.
  std::function<std::optional<std::string>(const std::string& name)> device_number = {};
  // "sda" of "8:1", a partition of it; nullopt: it is none, or not known. May be empty.
  std::function<std::optional<std::string>(const std::string& number)> disk_of_partition = {};
};

}  // namespace cgwarden::policy
