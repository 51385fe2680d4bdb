// Build tool: prints seccomp_compiled.inc, the default profile compiled for the capability sets
// that nearly every workload has.
#include <cstdio>

#include "launcher/capabilities.h"
#include "launcher/seccomp.h"

namespace {

using namespace cgwarden::launcher;

bool print_profile(const char* name, std::uint64_t bounding) {
  const auto program = compile_default_profile(bounding);
  if (!program) {
    std::fprintf(stderr, "%s: %s\n", name, program.error().text.c_str());
    return false;
  }
  std::printf("constexpr std::array<sock_filter, %zu> %s{{\n", program->size(), name);
  for (const auto& step : *program) {
    std::printf("{0x%x,%u,%u,0x%x},\n", step.code, step.jt, step.jf, step.k);
  }
  std::printf("}};\n");
  return true;
}

}  // namespace

int main() {
  const std::uint64_t chroot = std::uint64_t{1}
                               << static_cast<unsigned>(capability_number("CAP_SYS_CHROOT"));
  if (!print_profile("kForDefaultCapabilities", chroot)) return 1;
  if (!print_profile("kForNoCapabilities", 0)) return 1;
  std::printf(
      "constexpr std::array<CompiledProfile, 2> kCompiledProfiles{{{0x%llx, "
      "kForDefaultCapabilities}, {0x0, kForNoCapabilities}}};\n",
      static_cast<unsigned long long>(chroot));
  return 0;
}
