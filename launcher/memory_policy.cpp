#include "launcher/memory_policy.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "launcher/number_list.h"

namespace cgwarden::launcher {
namespace {

// uapi/linux/mempolicy.h; MPOL_WEIGHTED_INTERLEAVE is of Linux 6.9, later than Debian's header.
constexpr std::array<MemoryPolicyWord, 7> kModes{{{"MPOL_DEFAULT", 0},
                                                  {"MPOL_PREFERRED", 1},
                                                  {"MPOL_BIND", 2},
                                                  {"MPOL_INTERLEAVE", 3},
                                                  {"MPOL_LOCAL", 4},
                                                  {"MPOL_PREFERRED_MANY", 5},
                                                  {"MPOL_WEIGHTED_INTERLEAVE", 6}}};
constexpr std::array<MemoryPolicyWord, 3> kFlags{{{"MPOL_F_STATIC_NODES", 1 << 15},
                                                  {"MPOL_F_RELATIVE_NODES", 1 << 14},
                                                  {"MPOL_F_NUMA_BALANCING", 1 << 13}}};
// CONFIG_NODES_SHIFT is 10 at most.
constexpr unsigned kMostNodes = 1024;

const MemoryPolicyWord* find(std::span<const MemoryPolicyWord> words, std::string_view name) {
  const auto found = std::ranges::find_if(
      words, [name](const MemoryPolicyWord& word) { return word.name == name; });
  return found == words.end() ? nullptr : &*found;
}

}  // namespace

std::span<const MemoryPolicyWord> memory_policy_modes() { return kModes; }
std::span<const MemoryPolicyWord> memory_policy_flags() { return kFlags; }

Step set_memory_policy(const Spec& spec) {
  if (!spec.memory_policy) return {};
  const MemoryPolicy& policy = *spec.memory_policy;
  const MemoryPolicyWord* word = find(kModes, policy.mode);
  if (word == nullptr) return refused("memoryPolicy", printable(policy.mode) + " is no mode");
  int mode = word->value;
  for (const auto& name : policy.flags) {
    const MemoryPolicyWord* flag = find(kFlags, name);
    if (flag == nullptr) return refused("memoryPolicy", printable(name) + " is no flag");
    mode |= flag->value;
  }
  std::vector<unsigned long> nodes;
  if (!trim(policy.nodes).empty()) {
    auto mask = bit_mask_of(policy.nodes, kMostNodes);
    if (!mask) {
      return refused("memoryPolicy", "\"" + printable(policy.nodes) +
                                         "\" is not a list of memory nodes below " +
                                         std::to_string(kMostNodes));
    }
    nodes = *std::move(mask);
  }
  // The kernel takes one bit less than it is told.
  const unsigned long bits = nodes.empty() ? 0 : kMostNodes + 1;
  if (::syscall(SYS_set_mempolicy, mode, nodes.empty() ? nullptr : nodes.data(), bits) == 0) {
    return {};
  }
  const std::string what =
      policy.mode + (nodes.empty() ? " without nodes" : " with the nodes " + policy.nodes);
  return failed("memoryPolicy",
                what + (errno == EINVAL ? " (they do not fit, or no such node has memory)" : ""));
}

}  // namespace cgwarden::launcher
