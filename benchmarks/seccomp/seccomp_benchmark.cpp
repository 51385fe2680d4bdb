// How long a profile of the field's size takes from linux.seccomp to a program ready to load,
// compiled and from the cache. Prints medians and their ratio.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "benchmarks/seccomp/engine_profile.h"

#include "launcher/seccomp_config.h"

namespace {

using namespace cgwarden::launcher;
using cgwarden::benchmarks::engine_profile;

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
