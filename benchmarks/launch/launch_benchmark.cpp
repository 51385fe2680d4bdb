// Start to exit of /bin/true in a container: cgwarden-oci beside crun, runc and bubblewrap, where
// they are installed, and beside the bare system calls (floor.cpp). All take turns in every round.
// Prints medians, peak memory, system calls, and what is the point of it: ratios.
#include <getopt.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "benchmarks/launch/measure.h"
#include "benchmarks/seccomp/engine_profile.h"

#include "launcher/seccomp_config.h"

namespace {

namespace fs = std::filesystem;
using namespace cgwarden::launcher;
using namespace cgwarden::benchmarks;
using Words = std::vector<std::string>;

struct Contender {
  std::string name;
  Words command;
  std::string filter;  // for descriptor 9
  std::vector<Run> runs;

  [[nodiscard]] double median(double Run::* figure) const {
    std::vector<double> values;
    for (const auto& run : runs) values.push_back(run.*figure);
    std::ranges::sort(values);
    return values[values.size() / 2];
  }
  [[nodiscard]] double least(double Run::* figure) const {
    return (*std::ranges::min_element(runs, {}, figure)).*figure;
  }
  [[nodiscard]] long peak() const {
    return std::ranges::max_element(runs, {}, &Run::peak_kib)->peak_kib;
  }
};

struct Options {
  int rounds = 40;
  std::string busybox = "/bin/busybox";
  std::string cgroup_manager;
};

[[noreturn]] void fail(const std::string& sentence) {
  std::fprintf(stderr, "launch_benchmark: %s\n", sentence.c_str());
  std::exit(1);
}

// The rootfs, two bundles and the filter in memory, as /run is; removed at the end.
class Bench {
 public:
  explicit Bench(const Options& options) {
    if (::mkdtemp(root_.data()) == nullptr) fail("no temporary directory in /dev/shm");
    // In a child: what a big parent held counts as a child's peak memory until its execve(2).
    const pid_t child = ::fork();
    if (child == 0) {
      make(options);
      std::_Exit(0);
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child || status != 0) fail("the bundles cannot be made");
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  [[nodiscard]] std::string bundle(bool confined) const {
    return root_ + (confined ? "/confined" : "/plain");
  }
  [[nodiscard]] std::string rootfs() const { return root_ + "/rootfs"; }
  [[nodiscard]] std::string filter_file() const { return root_ + "/filter"; }
  [[nodiscard]] std::string state(const std::string& name) const { return root_ + "/" + name; }

 private:
  void make(const Options& options) const {
    fs::create_directories(root_ + "/rootfs/bin");
    for (const char* directory : {"proc", "dev", "sys"}) {
      fs::create_directory(root_ + "/rootfs/" + directory);
    }
    fs::copy_file(options.busybox, root_ + "/rootfs/bin/busybox");
    fs::create_symlink("busybox", root_ + "/rootfs/bin/true");
    for (const bool confined : {false, true}) {
      Spec spec = default_spec();
      spec.process.args = {"/bin/true"};
      spec.root_path = root_ + "/rootfs";
      spec.root_readonly = true;
      spec.seccomp = SeccompProfile::unconfined;
      spec.annotations.clear();
      spec.oci_version = "1.0.2";  // crun of Debian 12 knows no newer one
      // The others make the devices there, ours binds the host's.
      for (auto& mount : spec.mounts) {
        if (mount.destination == "/dev") std::erase(mount.options, "nodev");
      }
      if (confined) spec.seccomp_config = engine_profile();
      fs::create_directory(bundle(confined));
      std::ofstream(bundle(confined) + "/config.json") << to_config(spec);
    }
    const auto filter = compile_seccomp(engine_profile(), "");
    if (!filter) fail(filter.error().sentence());
    std::ofstream(filter_file(), std::ios::binary)
        .write(reinterpret_cast<const char*>(filter->program.data()),
               static_cast<std::streamsize>(filter->program.size() * sizeof(sock_filter)));
  }

  std::string root_ = "/dev/shm/launch_benchmark.XXXXXX";
};

Contender runtime(const Bench& bench, const std::string& name, const std::string& program,
                  const Words& options, bool confined) {
  Words command{program, "--root", bench.state(name)};
  command.insert(command.end(), options.begin(), options.end());
  for (const char* word : {"run", "--bundle"}) command.emplace_back(word);
  command.push_back(bench.bundle(confined));
  command.push_back("launch-benchmark-" + name);
  return {.name = name, .command = std::move(command), .filter = {}, .runs = {}};
}

std::vector<Contender> contenders(const Bench& bench, const Options& options, bool confined) {
  const std::string filter = confined ? bench.filter_file() : "-";
  std::vector<Contender> all;
  all.push_back({.name = "floor",
                 .command = {FLOOR_PROGRAM, bench.rootfs(), filter, "/bin/true"},
                 .filter = {},
                 .runs = {}});
  Words manager;
  if (!options.cgroup_manager.empty()) manager = {"--cgroup-manager", options.cgroup_manager};
  all.push_back(runtime(bench, "cgwarden-oci", OCI_PROGRAM, manager, confined));
  if (const auto program = in_path("crun"); !program.empty()) {
    all.push_back(runtime(bench, "crun", program, manager, confined));
  }
  if (const auto program = in_path("runc"); !program.empty()) {
    all.push_back(runtime(bench, "runc", program, {}, confined));
  }
  if (const auto program = in_path("bwrap"); !program.empty()) {
    Words words{program,    "--unshare-all", "--ro-bind",  bench.rootfs(), "/",
                "--proc",   "/proc",         "--dev",      "/dev",         "--tmpfs",
                "/dev/shm", "--mqueue",      "/dev/mqueue"};
    if (confined) words.insert(words.end(), {"--seccomp", "9"});
    words.emplace_back("/bin/true");
    all.push_back({.name = "bubblewrap",
                   .command = std::move(words),
                   .filter = confined ? bench.filter_file() : "",
                   .runs = {}});
  }
  return all;
}

// The bars that the project has set for itself, by peer: without and with seccomp.
const std::map<std::string, std::array<double, 2>> kBars{
    {"floor", {2.0, 2.0}}, {"crun", {0.55, 0.25}}, {"runc", {0.15, 0.1}}};

void print(const std::vector<Contender>& all, bool confined) {
  std::printf("\n%s the seccomp profile\n%-13s %9s %9s %9s %9s %7s %10s %6s\n",
              confined ? "With" : "Without", "", "median ms", "min ms", "cpu ms", "peak KiB",
              "calls", "ours/this", "bar");
  const double ours = all[1].median(&Run::wall_msec);
  for (const auto& one : all) {
    const auto calls = system_calls(one.command, one.filter);
    const auto bar = kBars.find(one.name);
    std::printf(
        "%-13s %9.2f %9.2f %9.2f %9ld %7s %10.2f %6s\n", one.name.c_str(),
        one.median(&Run::wall_msec), one.least(&Run::wall_msec), one.median(&Run::cpu_msec),
        one.peak(), calls ? std::to_string(*calls).c_str() : "-",
        ours / one.median(&Run::wall_msec),
        bar == kBars.end() ? "" : std::to_string(bar->second[confined]).substr(0, 4).c_str());
  }
}

void usage() {
  std::puts(
      "usage: launch_benchmark [--rounds N] [--busybox FILE] [--cgroup-manager MANAGER]\n\n"
      "Times start to exit of /bin/true with the full default config.json: cgwarden-oci, crun, "
      "runc,\n"
      "bubblewrap and the bare system calls, in turns. Needs root and a statically linked "
      "busybox.\n\n"
      "  --rounds N                     of each program, 1 to 10000 (40)\n"
      "  --busybox FILE                 (/bin/busybox)\n"
      "  --cgroup-manager MANAGER       of cgwarden-oci and crun; 'disabled' where crun refuses "
      "the\n"
      "                                 host's cgroups");
}

Options parse(int argc, char** argv) {
  Options options;
  const std::array<option, 5> known{{{"rounds", required_argument, nullptr, 'n'},
                                     {"busybox", required_argument, nullptr, 'b'},
                                     {"cgroup-manager", required_argument, nullptr, 'c'},
                                     {"help", no_argument, nullptr, 'h'},
                                     {}}};
  for (int letter = 0; (letter = ::getopt_long(argc, argv, "h", known.data(), nullptr)) != -1;) {
    if (letter == 'n') options.rounds = std::atoi(optarg);
    if (letter == 'b') options.busybox = optarg;
    if (letter == 'c') options.cgroup_manager = optarg;
    if (letter == 'h') {
      usage();
      std::exit(0);
    }
    if (letter == '?') std::exit(2);
  }
  if (options.rounds < 1 || options.rounds > 10000) fail("--rounds wants a number of 1 to 10000");
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  if (::geteuid() != 0) fail("namespaces, mounts and devices need root");
  const Bench bench(options);
  for (const bool confined : {false, true}) {
    auto all = contenders(bench, options, confined);
    // Once for the page cache and the caches of compiled filters.
    for (const auto& one : all) (void)run_once(one.command, one.filter);
    for (int round = 0; round < options.rounds; ++round) {
      for (auto& one : all) one.runs.push_back(run_once(one.command, one.filter));
    }
    print(all, confined);
  }
}
