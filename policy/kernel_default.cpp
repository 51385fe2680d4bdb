#include "policy/kernel_default.h"

#include <algorithm>
#include <array>

namespace cgwarden::policy {
namespace {

struct Default {
  std::string_view file;
  std::string_view value;
};
constexpr std::array kDefaults{
    Default{"cpu.idle", "0"},           Default{"cpu.weight", "100"},
    Default{"cpu.max", "max 100000"},   Default{"cpu.max.burst", "0"},
    Default{"memory.min", "0"},         Default{"memory.low", "0"},
    Default{"memory.high", "max"},      Default{"memory.max", "max"},
    Default{"memory.swap.max", "max"},  Default{"memory.swap.high", "max"},
    Default{"memory.zswap.max", "max"}, Default{"memory.oom.group", "0"},
    Default{"pids.max", "max"},         Default{"io.weight", "default 100"},
    Default{"cpuset.cpus", ""},         Default{"cpuset.mems", ""},
    Default{"cgroup.freeze", "0"},      Default{"io.max", ""},
    Default{"io.latency", ""},
};

}  // namespace

std::optional<std::string> kernel_default(std::string_view file) {
  if (file.starts_with("hugetlb.")) return "max";
  const auto* const found = std::ranges::find(kDefaults, file, &Default::file);
  if (found == kDefaults.end()) return std::nullopt;
  return std::string(found->value);
}

}  // namespace cgwarden::policy
