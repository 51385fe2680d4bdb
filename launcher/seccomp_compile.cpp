#include <seccomp.h>

#include <cerrno>
#include <string>
#include <utility>

#include "launcher/capabilities.h"
#include "launcher/seccomp.h"
#include "launcher/seccomp_compact.h"
#include "launcher/seccomp_program.h"
#include "launcher/seccomp_table.h"

namespace cgwarden::launcher {
namespace {

bool has(std::uint64_t mask, std::string_view capability) {
  const int number = capability_number(std::string(capability));
  return number >= 0 && (mask >> static_cast<unsigned>(number) & 1U) != 0;
}

Step allow(const SeccompContext& context, std::string_view name) {
  const int number = ::seccomp_syscall_resolve_name(std::string(name).c_str());
  if (number < 0) return {};  // a call of other architectures, or newer than the library
  const int result = ::seccomp_rule_add(context.get(), SCMP_ACT_ALLOW, number, 0);
  // EEXIST: a broader rule is there already.
  if (result != 0 && result != -EEXIST) return rule_failed(name, result);
  return {};
}

// clone3 hides its flags in memory where a filter cannot look: ENOSYS makes libc fall back to
// clone.
Step restrict_clone(const SeccompContext& context) {
  int result = ::seccomp_rule_add(context.get(), SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, kNamespaceFlags, scmp_datum_t{0}));
  if (result == 0) {
    result = ::seccomp_rule_add(context.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  }
  if (result != 0) return rule_failed("clone", result);
  return {};
}

Step add_rules(const SeccompContext& context, std::uint64_t bounding) {
  for (const auto& group : allowed_syscalls()) {
    for (const auto name : group.names) CGW_TRY(allow(context, name));
  }
  for (const auto& group : capability_syscalls()) {
    if (!has(bounding, group.capability)) continue;
    for (const auto name : group.names) CGW_TRY(allow(context, name));
  }
  if (!has(bounding, "CAP_SYS_ADMIN")) CGW_TRY(restrict_clone(context));
  for (const auto& call : allowed_new_syscalls()) {
    const int result = ::seccomp_rule_add(context.get(), SCMP_ACT_ALLOW, call.number, 0);
    if (result != 0 && result != -EEXIST) return rule_failed(call.name, result);
  }
  for (const auto persona : allowed_personalities()) {
    const int result = ::seccomp_rule_add(context.get(), SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
                                          SCMP_A0_32(SCMP_CMP_EQ, persona));
    if (result != 0) return rule_failed("personality", result);
  }
  const int result = ::seccomp_rule_add(context.get(), SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                        SCMP_A0_32(SCMP_CMP_NE, kRefusedFamily));
  if (result != 0) return rule_failed("socket", result);
  return {};
}

}  // namespace

std::uint64_t profile_capabilities(std::uint64_t bounding) {
  std::uint64_t relevant = 0;
  for (const auto& group : capability_syscalls()) {
    const int number = capability_number(std::string(group.capability));
    relevant |= std::uint64_t{1} << static_cast<unsigned>(number);
  }
  return bounding & relevant;
}

StepResult<std::vector<sock_filter>> default_source_program(std::uint64_t bounding) {
  const SeccompContext context(::seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (!context) return refused("seccomp", "libseccomp cannot start");
  // Programs of another architecture (i386, x32) die with SIGSYS: there, EPERM to exit(2) itself
  // would only make them loop. CTL_OPTIMIZE 2 is the binary tree: cost by the logarithm.
  int result = ::seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  if (result == 0) result = ::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (result != 0) return rule_failed("other architectures", result);
  CGW_TRY(add_rules(context, bounding));
  CGW_ASSIGN(const std::vector<sock_filter> rules, export_program(context));
  std::vector<sock_filter> program = new_calls_program({.architecture = ::seccomp_arch_native(),
                                                        .highest_known = kHighestKnownSyscall,
                                                        .rules = {},
                                                        .others_are_enosys = true});
  program.insert(program.end(), rules.begin(), rules.end());
  return program;
}

StepResult<std::vector<sock_filter>> compile_default_profile(std::uint64_t bounding) {
  CGW_ASSIGN(std::vector<sock_filter> program, default_source_program(bounding));
  return compact_program(std::move(program));
}

}  // namespace cgwarden::launcher
