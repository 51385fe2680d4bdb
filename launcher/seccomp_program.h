#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "launcher/launch_step.h"

// Between libseccomp and a finished program: what all profiles share.
namespace cgwarden::launcher {

// scmp_filter_ctx, released with seccomp_release(3).
struct SeccompRelease {
  void operator()(void* context) const;
};
using SeccompContext = std::unique_ptr<void, SeccompRelease>;

// libseccomp's negative errno `result` as a LaunchError.
[[nodiscard]] std::unexpected<LaunchError> rule_failed(std::string_view name, int result);

// seccomp_export_bpf(3).
[[nodiscard]] StepResult<std::vector<sock_filter>> export_program(const SeccompContext& context);

// An answer to a system call that libseccomp has no name for: it can neither compare call numbers
// nor translate an unnamed one to a second architecture.
struct NewCallRule {
  int number;
  std::uint32_t action;  // SECCOMP_RET_*
};

// What is decided before libseccomp's program about the calls of one architecture that are newer
// than the profile can know.
struct NewCalls {
  std::uint32_t architecture = 0;  // AUDIT_ARCH_*, which is libseccomp's token too
  int highest_known = 0;           // calls above are new
  std::vector<NewCallRule> rules;  // the first one of a number counts
  // Other new calls: ENOSYS, so that programs fall back as on an older kernel. Else they go on.
  bool others_are_enosys = false;
};

// Instructions to put before an exported program. Calls that are not new, x32 calls and foreign
// architectures go on to it.
[[nodiscard]] std::vector<sock_filter> new_calls_program(const NewCalls& calls);

// The highest call number that libseccomp has a name for; nothing for architectures which do not
// number their calls as all others do from 424 on (x32, mips).
[[nodiscard]] std::optional<int> highest_named_call(std::uint32_t architecture);

}  // namespace cgwarden::launcher
