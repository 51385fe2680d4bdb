#include "launcher/seccomp.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

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

Step load_filter(std::span<const sock_filter> program) {
  if (program.empty()) return {};
  sock_fprog raw{static_cast<unsigned short>(program.size()),
                 const_cast<sock_filter*>(program.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &raw) != 0) {
    return failed("seccomp", "the kernel refuses the filter");
  }
  return {};
}

}  // namespace cgwarden::launcher
