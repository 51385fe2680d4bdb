// How long a profile of the field's size takes from linux.seccomp to a program ready to load,
// compiled and from the cache. Prints medians and their ratio.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "launcher/seccomp_config.h"
#include "launcher/seccomp_table.h"

namespace {

using namespace cgwarden::launcher;

// The shape of the container engines' default profiles: an allow list of every ordinary call, some
// conditions, three architectures.
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

// Median microseconds of one compile_seccomp().
double median_usec(const Seccomp& config, const std::string& directory) {
  std::vector<double> times;
  for (int i = 0; i < 51; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto filter = compile_seccomp(config, directory);
    const auto end = std::chrono::steady_clock::now();
    if (!filter) {
      std::fprintf(stderr, "%s\n", filter.error().sentence().c_str());
      std::exit(1);
    }
    times.push_back(std::chrono::duration<double, std::micro>(end - begin).count());
  }
  std::ranges::nth_element(times, times.begin() + 25);
  return times[25];
}

}  // namespace

int main() {
  std::string directory = std::filesystem::temp_directory_path() / "seccomp_benchmark.XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return 1;
  const Seccomp config = engine_profile();
  std::size_t names = 0;
  for (const auto& rule : config.syscalls) names += rule.names.size();
  const double compiled = median_usec(config, "");
  const double kept = median_usec(config, directory);
  const auto filter = compile_seccomp(config, directory);
  std::filesystem::remove_all(directory);
  std::printf("%zu names, %zu architectures, %zu instructions\n", names,
              config.architectures.size(), filter ? filter->program.size() : 0);
  std::printf("compiled   %9.1f us\nfrom cache %9.1f us\nratio      %9.4f\n", compiled, kept,
              kept / compiled);
  return kept < compiled ? 0 : 1;
}
