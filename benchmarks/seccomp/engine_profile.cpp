#include "benchmarks/seccomp/engine_profile.h"

#include <utility>

#include "launcher/seccomp_table.h"

namespace cgwarden::benchmarks {

using namespace launcher;

Seccomp engine_profile() {
  Seccomp config;
  config.default_action = "SCMP_ACT_ERRNO";
  config.default_errno_ret = 1;
  config.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  SeccompRule allowed{.names = {}, .action = "SCMP_ACT_ALLOW", .errno_ret = {}, .args = {}};
  for (const auto& group : allowed_syscalls()) {
    for (const auto name : group.names) allowed.names.emplace_back(name);
  }
  for (const auto& group : capability_syscalls()) {
    for (const auto name : group.names) {
      if (name != "clone" && name != "clone3") allowed.names.emplace_back(name);
    }
  }
  config.syscalls.push_back(std::move(allowed));
  for (const auto value : allowed_personalities()) {
    config.syscalls.push_back({.names = {"personality"},
                               .action = "SCMP_ACT_ALLOW",
                               .errno_ret = {},
                               .args = {{.index = 0, .value = value, .op = "SCMP_CMP_EQ"}}});
  }
  config.syscalls.push_back(
      {.names = {"clone"},
       .action = "SCMP_ACT_ALLOW",
       .errno_ret = {},
       .args = {{.index = 0, .value = kNamespaceFlags, .op = "SCMP_CMP_MASKED_EQ"}}});
  config.syscalls.push_back({.names = {"socket"},
                             .action = "SCMP_ACT_ALLOW",
                             .errno_ret = {},
                             .args = {{.index = 0, .value = kRefusedFamily, .op = "SCMP_CMP_NE"}}});
  return config;
}

}  // namespace cgwarden::benchmarks
