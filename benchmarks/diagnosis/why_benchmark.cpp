// why_benchmark CGWARDEN DIR [RUNS [MEGABYTES]]: `cgwarden why NAME` from a store of 1 GB that the
// real writer wrote, a process each time, of a workload and of a systemd unit; against the floor,
// the same program doing nothing (`cgwarden version`). Also how long a verdict takes to be on the
// disk. Fails when `why` misses its bar. DIR should be on the disk that counts and is left as it
// was.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "benchmarks/diagnosis/percentile.h"

#include "diagnosis/store.h"

namespace {

using namespace cgwarden;
using namespace cgwarden::diagnosis;
namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

constexpr double kWhyBarMs = 100;
constexpr std::size_t kCommits = 200;
constexpr std::uint64_t kStartUsec = 1'795'484'000'000'000;

void need(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "why_benchmark: %s\n", what.c_str());
  std::exit(125);
}

double ms_since(Steady::time_point begun) {
  return std::chrono::duration<double, std::milli>(Steady::now() - begun).count();
}

// As long as a verdict of an OOM kill with the kernel's table of processes is.
Verdict death(const std::string& name, unsigned incarnation) {
  Verdict verdict;
  verdict.workload = name;
  verdict.incarnation = incarnation;
  verdict.verdict = VerdictClass::oom_own_limit;
  verdict.confidence = Confidence::proven;
  verdict.when.wall = Usec{kStartUsec + std::uint64_t{incarnation} * 60'000'000};
  verdict.from.wall = verdict.when.wall - Usec{50'000'000};
  verdict.answer = name + " was killed by the kernel at its own limit memory.max = 64.0 MiB";
  verdict.actor = Actor{std::nullopt, "the kernel's OOM killer"};
  verdict.limit = LimitHit{"/cgwarden.slice/" + name + ".scope/payload", "memory.max", "67108864"};
  verdict.victim = Victim{static_cast<pid_t>(1000 + incarnation), "server", Bytes{64U << 20}};
  for (int line = 0; line < 20; ++line) {
    verdict.evidence.push_back(
        {"kmsg", "seq " + std::to_string(incarnation * 20 + static_cast<unsigned>(line)),
         "[    102]     0   102    25881     8112     8104        8         0   106496        0 "
         "           0 server " +
             std::to_string(line)});
  }
  verdict.ruled_out = {"a kill from user space: no signal was sent"};
  verdict.advice = {"Raise memory.max, or look for a leak: it grew until the limit."};
  verdict.stderr_tail = std::string(500, 'x');
  return verdict;
}

constexpr unsigned kOfMost = 50;     // verdicts of a name
constexpr unsigned kOfAsked = 1000;  // of those that are asked about: the most that are kept
constexpr std::uint64_t kVerdictBytes = 5500;

// Names take turns, as they do on a node: rows of one are all over the file.
std::uint64_t fill(StoreWriter& store, const std::string& path, std::uint64_t bytes,
                   std::size_t& verdicts) {
  const std::uint64_t asked = std::uint64_t{2} * kOfAsked * kVerdictBytes;
  const std::size_t names = bytes > asked ? (bytes - asked) / (kOfMost * kVerdictBytes) : 0;
  constexpr unsigned kTogether = kOfAsked / kOfMost;
  for (unsigned turn = 0; turn < kOfMost; ++turn) {
    std::vector<Verdict> batch;
    for (std::size_t name = 0; name < names; ++name) {
      batch.push_back(death("other" + std::to_string(name), turn + 1));
    }
    for (unsigned i = 1; i <= kTogether; ++i) {
      batch.push_back(death("unit:/web.service", turn * kTogether + i));
      batch.push_back(death("web1", turn * kTogether + i));
    }
    need(store.put(batch, {}).has_value(), "write the store");
    verdicts += batch.size();
  }
  return fs::file_size(path);
}

// One process, from before it exists to its end.
double run(const std::vector<std::string>& command) {
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
  need(::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0,
       command[1] + " failed");
  const double took = ms_since(begun);
  ::posix_spawn_file_actions_destroy(&actions);
  return took;
}

std::vector<double> times(std::size_t runs, const std::vector<std::string>& command) {
  (void)run(command);
  std::vector<double> all;
  for (std::size_t i = 0; i < runs; ++i) all.push_back(run(command));
  return all;
}

void row(const char* what, const std::vector<double>& values) {
  std::printf("%-44s p50 %8.2f ms   p99 %8.2f ms   most %8.2f ms\n", what,
              benchmarks::percentile(values, 50), benchmarks::percentile(values, 99),
              benchmarks::percentile(values, 100));
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
  const std::string path = directory + "/store.db";
  auto store = StoreWriter::open(path, 1);
  need(store.has_value(), "open the store");
  std::size_t verdicts = 0;
  const std::uint64_t size = fill(*store, path, bytes, verdicts);
  std::vector<double> commits;
  for (unsigned i = 0; i < kCommits; ++i) {
    const auto begun = Steady::now();
    need(store->put(death("once", i + 1)).has_value(), "put a verdict");
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
  const auto workload = why("web1");
  const auto unit = why("web.service");
  fs::remove_all(directory);
  std::printf("%zu verdicts, %.2f GB; %zu runs each\n", verdicts, static_cast<double>(size) / 1e9,
              runs);
  row("cgwarden version (the floor)", floor);
  row("cgwarden why WORKLOAD", workload);
  row("cgwarden why UNIT", unit);
  row("a verdict until it is on the disk", commits);
  const double p99 =
      std::max(benchmarks::percentile(workload, 99), benchmarks::percentile(unit, 99));
  std::printf("why WORKLOAD takes %.1f x the floor (medians)\n",
              benchmarks::percentile(workload, 50) / benchmarks::percentile(floor, 50));
  std::printf("bar: p99 of why <= %.0f ms: %s\n", kWhyBarMs, p99 <= kWhyBarMs ? "met" : "MISSED");
  return p99 <= kWhyBarMs ? 0 : 1;
}
