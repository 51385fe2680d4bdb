#pragma once

#include <cstdint>
#include <span>
#include <string_view>

// The default seccomp profile as data. What is not named here gets EPERM; what the kernel added
// after kHighestKnownSyscall gets ENOSYS, so that programs fall back as on an older kernel.
namespace cgwarden::launcher {

// Calls of one subject that every workload may make.
struct SyscallGroup {
  std::string_view subject;
  std::span<const std::string_view> names;
};
[[nodiscard]] std::span<const SyscallGroup> allowed_syscalls();

// Calls that are allowed when the workload has the capability which the kernel asks for anyway.
struct CapabilitySyscalls {
  std::string_view capability;
  std::span<const std::string_view> names;
};
[[nodiscard]] std::span<const CapabilitySyscalls> capability_syscalls();

// Calls that libseccomp 2.5.4 (Linux 5.17) has no name for. From 424 on all architectures share one
// numbering (include/uapi/asm-generic/unistd.h).
struct NumberedSyscall {
  std::string_view name;
  int number;
};
[[nodiscard]] std::span<const NumberedSyscall> allowed_new_syscalls();
// Such calls that the default profile leaves out: other profiles may name them.
[[nodiscard]] std::span<const NumberedSyscall> other_new_syscalls();
inline constexpr int kHighestKnownSyscall = 469;  // file_setattr, Linux 6.17

// personality(2): Linux, 32-bit address layout, uname 2.6, both, and "only tell me".
[[nodiscard]] std::span<const std::uint32_t> allowed_personalities();

// clone(2) flags that make namespaces, refused without CAP_SYS_ADMIN.
inline constexpr std::uint64_t kNamespaceFlags = 0x7E020000;
// socket(2) family refused to all: it reaches the hypervisor around every network namespace.
inline constexpr int kRefusedFamily = 40;  // AF_VSOCK

}  // namespace cgwarden::launcher
