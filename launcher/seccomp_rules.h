#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "launcher/launch_step.h"
#include "launcher/spec.h"

// linux.seccomp with its words turned into numbers and its rules checked: what is left to do is
// libseccomp's.
namespace cgwarden::launcher {

struct CheckedArgument {
  unsigned index = 0;         // 0 to 5
  std::uint32_t compare = 0;  // enum scmp_compare
  std::uint64_t value = 0;
  std::uint64_t value_two = 0;
};

struct CheckedRule {
  const SeccompRule* rule = nullptr;  // borrowed from the profile
  std::uint32_t action = 0;           // SECCOMP_RET_* with its errno
  std::vector<CheckedArgument> args;
};

struct CheckedSeccomp {
  std::uint32_t default_action = 0;
  std::vector<std::uint32_t> architectures;  // tokens of libseccomp, the native one not included
  std::vector<CheckedRule> rules;
  unsigned flags = 0;  // SECCOMP_FILTER_FLAG_*; NEW_LISTENER when a rule notifies
};

// Refuses by property name: unknown words, an errnoRet where the action has none, SCMP_ACT_NOTIFY
// without listenerPath, as default action or on write(2) (the runtime itself would wait for the
// listener before it could hand it over). `config` must outlive the result.
[[nodiscard]] StepResult<CheckedSeccomp> check_seccomp(const Seccomp& config);

}  // namespace cgwarden::launcher
