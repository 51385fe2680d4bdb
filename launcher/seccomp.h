#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// A seccomp program ready to load: borrowed from the ones compiled at build time, or own.
struct SeccompFilter {
  std::vector<sock_filter> compiled;
  std::span<const sock_filter> program;  // empty: unconfined
  unsigned flags = 0;                    // SECCOMP_FILTER_FLAG_*, for load_filter
};

// The bits of a bounding set on which the default profile depends.
[[nodiscard]] std::uint64_t profile_capabilities(std::uint64_t bounding);

// The filter of a spec. The default profile for the default capability set and for no capabilities
// at all is compiled at build time: libseccomp needs milliseconds for it. Others are compiled here.
[[nodiscard]] StepResult<SeccompFilter> seccomp_filter(SeccompProfile profile,
                                                       std::uint64_t bounding);

// Compiles the default profile with libseccomp, and makes the program shorter.
[[nodiscard]] StepResult<std::vector<sock_filter>> compile_default_profile(std::uint64_t bounding);
// The same program before it is made shorter (seccomp_compact.h): what the tests compare it with.
[[nodiscard]] StepResult<std::vector<sock_filter>> default_source_program(std::uint64_t bounding);

// seccomp(2) SECCOMP_SET_MODE_FILTER; needs no_new_privs or CAP_SYS_ADMIN. Nothing to do for an
// empty program. `flags` are SECCOMP_FILTER_FLAG_*; the result is the listener's descriptor with
// SECCOMP_FILTER_FLAG_NEW_LISTENER, else invalid. A listener that is closed answers its calls with
// ENOSYS.
[[nodiscard]] StepResult<UniqueFd> load_filter(std::span<const sock_filter> program,
                                               unsigned flags = 0);

}  // namespace cgwarden::launcher
