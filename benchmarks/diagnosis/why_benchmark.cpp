// why_benchmark CGWARDEN DIR [RUNS [MEGABYTES]]: `cgwarden why NAME` from a store of 1 GB that the
// real writers wrote, samples, kernel log, events and verdicts, a process each time, of a workload,
// a systemd unit and a cgroup by its path; against the floor, the same program doing nothing
// (`cgwarden version`). Also how long a verdict takes to be on the disk. Fails when `why` misses
// its bar. DIR should be on the disk that counts and is left as it was.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "benchmarks/diagnosis/made_store.h"
#include "benchmarks/diagnosis/percentile.h"

#include "diagnosis/store.h"

namespace {

using namespace cgwarden;
using namespace cgwarden::diagnosis;
namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

constexpr double kWhyBarMs = 100;
constexpr std::size_t kCommits = 200;

void need(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "why_benchmark: %s\n", what.c_str());
  std::exit(125);
}

double ms_since(Steady::time_point begun) {
  return std::chrono::duration<double, std::milli>(Steady::now() - begun).count();
}

struct Took {
  double wall_ms = 0;
  double cpu_ms = 0;  // of the process itself: a machine that is busy does not change it much
};

// One process, from before it exists to its end.
Took run(const std::vector<std::string>& command) {
  std::vector<char*> words;
  for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  const auto begun = Steady::now();
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, words[0], &actions, nullptr, words.data(), environ);
  need(failed == 0, command[0] + ": " + std::strerror(failed));
  int status = 0;
  rusage usage{};
  need(::wait4(child, &status, 0, &usage) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0,
       command[1] + " failed");
  const double took = ms_since(begun);
  ::posix_spawn_file_actions_destroy(&actions);
  const auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return {took, ms(usage.ru_utime) + ms(usage.ru_stime)};
}

struct Times {
  std::vector<double> wall_ms;
  std::vector<double> cpu_ms;
};

Times times(std::size_t runs, const std::vector<std::string>& command) {
  (void)run(command);
  Times all;
  for (std::size_t i = 0; i < runs; ++i) {
    const Took took = run(command);
    all.wall_ms.push_back(took.wall_ms);
    all.cpu_ms.push_back(took.cpu_ms);
  }
  return all;
}

void row(const char* what, const std::vector<double>& values) {
  std::printf("%-44s p50 %8.2f ms   p99 %8.2f ms   most %8.2f ms\n", what,
              benchmarks::percentile(values, 50), benchmarks::percentile(values, 99),
              benchmarks::percentile(values, 100));
}

void row(const char* what, const Times& times) {
  row(what, times.wall_ms);
  row("    of that on a processor", times.cpu_ms);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: why_benchmark CGWARDEN DIR [RUNS [MEGABYTES]]\n");
    return 2;
  }
  const std::string program = argv[1];
  const std::string directory = std::string(argv[2]) + "/why_benchmark";
  const auto runs = static_cast<std::size_t>(argc > 3 ? std::atoi(argv[3]) : 50);
  const auto bytes = static_cast<std::uint64_t>(argc > 4 ? std::atoi(argv[4]) : 1000) * 1'000'000;
  need(runs > 0 && bytes > 0, "RUNS and MEGABYTES are 1 or more");
  fs::create_directories(directory + "/run");
  const auto made = benchmarks::make_store(directory, bytes);
  auto store = StoreWriter::open(directory + "/store.db", 1);
  need(store.has_value(), "open the store");
  std::vector<double> commits;
  for (unsigned i = 0; i < kCommits; ++i) {
    const auto begun = Steady::now();
    need(store->put(benchmarks::made_verdict("once", i + 1)).has_value(), "put a verdict");
    commits.push_back(ms_since(begun));
  }
  const std::vector<std::string> where{program, "--state-dir", directory, "--runtime-dir",
                                       directory + "/run"};
  const auto why = [&](const std::string& name) {
    auto command = where;
    command.insert(command.end(), {"why", name});
    return times(runs, command);
  };
  const auto floor = times(runs, {program, "version"});
  const auto workload = why(benchmarks::kAskedWorkload);
  const auto unit = why(benchmarks::kAskedUnit);
  const auto cgroup = why(benchmarks::kAskedCgroup);
  fs::remove_all(directory);
  std::printf(
      "%zu verdicts, %zu events, %zu lines of the kernel log (%.2f GB), %zu samples; %.2f GB\n",
      made.verdicts, made.events, made.lines, static_cast<double>(made.verdict_bytes) / 1e9,
      made.samples, static_cast<double>(made.bytes) / 1e9);
  std::printf("%zu runs each\n", runs);
  row("cgwarden version (the floor)", floor);
  row("cgwarden why WORKLOAD", workload);
  row("cgwarden why UNIT", unit);
  row("cgwarden why CGROUP", cgroup);
  row("a verdict until it is on the disk", commits);
  double p99 = 0;
  for (const auto* each : {&workload, &unit, &cgroup}) {
    p99 = std::max(p99, benchmarks::percentile(each->wall_ms, 99));
  }
  std::printf(
      "why WORKLOAD takes %.1f x the floor (medians)\n",
      benchmarks::percentile(workload.wall_ms, 50) / benchmarks::percentile(floor.wall_ms, 50));
  std::printf("bar: p99 of why <= %.0f ms: %s\n", kWhyBarMs, p99 <= kWhyBarMs ? "met" : "MISSED");
  return p99 <= kWhyBarMs ? 0 : 1;
}
