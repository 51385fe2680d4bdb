#pragma once

#include <span>
#include <string>

#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// Names of linux.memoryPolicy (runtime-spec 1.3 config-linux.md "Memory Policy") and their values
// in set_mempolicy(2), linux/mempolicy.h.
struct MemoryPolicyWord {
  const char* name;
  int value;
};
[[nodiscard]] std::span<const MemoryPolicyWord> memory_policy_modes();
[[nodiscard]] std::span<const MemoryPolicyWord> memory_policy_flags();

// set_mempolicy(2) for this process and what it starts; stage "memoryPolicy". Nothing without one.
// An unknown word, a list of nodes that is none and a combination that the kernel refuses are
// errors.
[[nodiscard]] Step set_memory_policy(const Spec& spec);

}  // namespace cgwarden::launcher
