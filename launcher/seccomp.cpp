#include "launcher/seccomp.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string>

namespace cgwarden::launcher {
namespace {

struct CompiledProfile {
  std::uint64_t capabilities;
  std::span<const sock_filter> program;
};

// Written by seccomp_generate at build time: kCompiledProfiles.
#include "launcher/seccomp_compiled.inc"

}  // namespace

StepResult<SeccompFilter> seccomp_filter(SeccompProfile profile, std::uint64_t bounding) {
  SeccompFilter filter;
  if (profile == SeccompProfile::unconfined) return filter;
  const std::uint64_t capabilities = profile_capabilities(bounding);
  for (const auto& compiled : kCompiledProfiles) {
    if (compiled.capabilities != capabilities) continue;
    filter.program = compiled.program;
    return filter;
  }
  CGW_ASSIGN(filter.compiled, compile_default_profile(bounding));
  filter.program = filter.compiled;
  return filter;
}

StepResult<UniqueFd> load_filter(std::span<const sock_filter> program, unsigned flags) {
  if (program.empty()) return UniqueFd();
  if (program.size() > BPF_MAXINSNS) {
    return refused("seccomp", "the filter has " + std::to_string(program.size()) +
                                  " instructions, the kernel takes " +
                                  std::to_string(BPF_MAXINSNS));
  }
  sock_fprog raw{static_cast<unsigned short>(program.size()),
                 const_cast<sock_filter*>(program.data())};
  const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &raw);
  if (result < 0) return failed("seccomp", "the kernel refuses the filter");
  if ((flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0) return UniqueFd(static_cast<int>(result));
  // SECCOMP_FILTER_FLAG_TSYNC alone: the first thread that cannot follow.
  if (result > 0) {
    return refused("seccomp", "thread " + std::to_string(result) + " has another filter");
  }
  return UniqueFd();
}

}  // namespace cgwarden::launcher
