// The bars of watching: processor time against a floor, share of a processor and memory at 10,000
// cgroups, and how soon a new cgroup is known. watch_benchmark --help
#include <getopt.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "benchmarks/watch/measure.h"
#include "benchmarks/watch/sections.h"

namespace {

using namespace cgwarden::benchmarks;

constexpr std::size_t kFew = 1'000;
constexpr std::size_t kMany = 10'000;
constexpr std::size_t kAmongWhichOneIsMade = 2'000;
constexpr std::size_t kMade = 1'000;

void usage() {
  std::puts(
      "usage: watch_benchmark [--report] [--agent FILE]\n\n"
      "Makes cgroups in a cgroup2 mount of its own, samples them, removes them, and prints what\n"
      "that took beside the bar for it. Ends with 1 when a bar is missed. Needs root.\n\n"
      "  --report      ends with 0 whatever was measured\n"
      "  --agent FILE  cgwarden, whose memory as the agent is measured, too");
}

// Prints them; how many missed their bar.
int print(const Figures& figures) {
  int missed = 0;
  for (const Figure& figure : figures) {
    std::printf("  %-45s %8.2f %s", figure.what.c_str(), figure.value, figure.unit.c_str());
    if (figure.bar) {
      const bool met = figure.value <= *figure.bar;
      std::printf(" (at most %.2f%s)", *figure.bar, met ? "" : ": MISSED");
      missed += met ? 0 : 1;
    }
    std::printf("\n");
  }
  std::fflush(stdout);
  return missed;
}

// How many bars were missed.
int run(const std::string& agent) {
  const PrivateMount mount;
  int missed = print(ratio(mount, kFew));
  missed += print(by_bpf(mount, kFew));
  missed += print(at_one_hertz(mount, kMany));
  missed += print(memory_with_every_file(kMany));
  missed += print(discovery(mount, kAmongWhichOneIsMade, kMade));
  if (!agent.empty()) missed += print(memory_of_agent(mount, kMany, agent));
  if (missed > 0) std::printf("%d bar%s missed\n", missed, missed == 1 ? "" : "s");
  return missed;
}

}  // namespace

int main(int argc, char** argv) {
  bool report = false;
  std::string agent;
  const std::array<option, 4> known{{{"report", no_argument, nullptr, 'r'},
                                     {"agent", required_argument, nullptr, 'a'},
                                     {"help", no_argument, nullptr, 'h'},
                                     {}}};
  for (int letter = 0; (letter = ::getopt_long(argc, argv, "h", known.data(), nullptr)) != -1;) {
    if (letter == 'r') report = true;
    if (letter == 'a') agent = optarg;
    if (letter == 'h') {
      usage();
      return 0;
    }
    if (letter == '?') return 2;
  }
  heed_signals();
  try {
    const int missed = run(agent);
    return missed > 0 && !report ? 1 : 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "watch_benchmark: %s\n", error.what());
    return 125;
  }
}
