#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "launcher/capabilities.h"
#include "launcher/seccomp.h"
#include "launcher/seccomp_table.h"

namespace cgwarden::launcher {
namespace {

using Context = std::unique_ptr<void, decltype(&::seccomp_release)>;

bool has(std::uint64_t mask, std::string_view capability) {
  const int number = capability_number(std::string(capability));
  return number >= 0 && (mask >> static_cast<unsigned>(number) & 1U) != 0;
}

std::unexpected<LaunchError> rule_failed(std::string_view name, int result) {
  errno = -result;
  return failed("seccomp", "no rule for " + std::string(name) + " can be made");
}

Step allow(const Context& context, std::string_view name) {
  const int number = ::seccomp_syscall_resolve_name(std::string(name).c_str());
  if (number < 0) return {};  // a call of other architectures, or newer than the library
  const int result = ::seccomp_rule_add(context.get(), SCMP_ACT_ALLOW, number, 0);
  // EEXIST: a broader rule is there already.
  if (result != 0 && result != -EEXIST) return rule_failed(name, result);
  return {};
}

// clone3 hides its flags in memory where a filter cannot look: ENOSYS makes libc fall back to
// clone.
Step restrict_clone(const Context& context) {
  int result = ::seccomp_rule_add(context.get(), SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, kNamespaceFlags, scmp_datum_t{0}));
  if (result == 0) {
    result = ::seccomp_rule_add(context.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  }
  if (result != 0) return rule_failed("clone", result);
  return {};
}

Step add_rules(const Context& context, std::uint64_t bounding) {
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

StepResult<std::vector<sock_filter>> export_program(const Context& context) {
  const UniqueFd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file.valid()) return failed("seccomp", "no memory file for the compiled filter");
  const int result = ::seccomp_export_bpf(context.get(), file.get());
  if (result != 0) return rule_failed("the whole profile", result);
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  std::vector<sock_filter> program(static_cast<std::size_t>(size) / sizeof(sock_filter));
  if (::pread(file.get(), program.data(), static_cast<std::size_t>(size), 0) != size) {
    return failed("seccomp", "the compiled filter cannot be read back");
  }
  return program;
}

// Put before libseccomp's program, which cannot compare call numbers: numbers above the highest
// known one are ENOSYS. The architecture's own call numbers only; x32 and foreign ones go on to be
// refused below.
std::vector<sock_filter> unknown_is_enosys() {
  constexpr std::uint32_t kX32Bit = 0x40000000;
  const auto statement = [](unsigned code, std::uint32_t value) {
    return sock_filter{static_cast<std::uint16_t>(code), 0, 0, value};
  };
  const auto jump = [](unsigned code, std::uint32_t value, unsigned yes, unsigned no) {
    return sock_filter{static_cast<std::uint16_t>(code), static_cast<std::uint8_t>(yes),
                       static_cast<std::uint8_t>(no), value};
  };
  return {
      statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      jump(BPF_JMP | BPF_JEQ | BPF_K, ::seccomp_arch_native(), 0, 4),
      statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      jump(BPF_JMP | BPF_JGE | BPF_K, kX32Bit, 2, 0),
      jump(BPF_JMP | BPF_JGT | BPF_K, static_cast<std::uint32_t>(kHighestKnownSyscall), 0, 1),
      statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
  };
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

StepResult<std::vector<sock_filter>> compile_default_profile(std::uint64_t bounding) {
  const Context context(::seccomp_init(SCMP_ACT_ERRNO(EPERM)), &::seccomp_release);
  if (!context) return refused("seccomp", "libseccomp cannot start");
  // Programs of another architecture (i386, x32) die with SIGSYS: there, EPERM to exit(2) itself
  // would only make them loop. CTL_OPTIMIZE 2 is the binary tree: cost by the logarithm.
  int result = ::seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  if (result == 0) result = ::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (result != 0) return rule_failed("other architectures", result);
  CGW_TRY(add_rules(context, bounding));
  CGW_ASSIGN(const std::vector<sock_filter> rules, export_program(context));
  std::vector<sock_filter> program = unknown_is_enosys();
  program.insert(program.end(), rules.begin(), rules.end());
  return program;
}

}  // namespace cgwarden::launcher
