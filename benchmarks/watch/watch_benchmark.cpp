// watch_benchmark ROOT [COUNT]: the sampler against the floor over the same files in one run, the
// sampler that asks the BPF program first where that can be had, and the share of a processor that
// ticks at 1 Hz take. ROOT is a cgroup v2 mount. With COUNT it makes
// that many cgroups below ROOT and removes them at the end; without, it reads what is there and
// changes nothing.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "benchmarks/watch/floor.h"

#include "cgroup/bpf/cgroup_iterator.h"
#include "cgroup/control_file.h"
#include "cgroup/sampler.h"

namespace {

using namespace cgwarden;
using namespace cgwarden::cgroup;

constexpr int kRounds = 21;
constexpr double kBar = 1.3;

void need(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "%s\n", status.error().sentence().c_str());
  std::exit(125);
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

template <typename Work>
double cpu_of(const Work& work) {
  const double before = cpu_seconds();
  work();
  return cpu_seconds() - before;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values.at(values.size() / 2);
}

// COUNT cgroups in groups of a hundred, with every controller that the machine has.
class MadeCgroups {
 public:
  MadeCgroups(const Tree& tree, std::size_t count) : tree_(tree) {
    const std::vector<std::string> controllers{"cpu", "memory", "io"};
    need(enable_controllers(tree_, "/", controllers));
    make(top_);
    need(enable_controllers(tree_, top_, controllers));
    for (std::size_t i = 0; i < count; ++i) {
      const std::string group = top_ + "/group" + std::to_string(i / 100);
      if (i % 100 == 0) {
        make(group);
        need(enable_controllers(tree_, group, controllers));
      }
      make(group + "/leaf" + std::to_string(i));
    }
  }
  ~MadeCgroups() {
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) {
      static_cast<void>(remove_cgroup(tree_, *path));
    }
  }
  MadeCgroups(const MadeCgroups&) = delete;
  MadeCgroups& operator=(const MadeCgroups&) = delete;

 private:
  void make(const std::string& path) {
    need(create_cgroup(tree_, path));
    made_.push_back(path);
  }
  const Tree& tree_;
  std::string top_ = "/watch_benchmark." + std::to_string(::getpid());
  std::vector<std::string> made_;
};

void raise_fd_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max = std::max<rlim_t>(limit.rlim_max, 500000);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::strtoul(line.c_str() + 6, nullptr, 10);
  }
  return 0;
}

// Counts the reads of files.
class CountedFiles final : public ControlFiles {
 public:
  Result<UniqueFd> open_cgroup(const Tree& tree, std::string_view path) override {
    return kernel_.open_cgroup(tree, path);
  }
  Result<UniqueFd> open(int directory, std::string_view file) override {
    return kernel_.open(directory, file);
  }
  Result<std::size_t> read(int fd, std::span<char> buffer, std::string_view file) override {
    ++reads;
    return kernel_.read(fd, buffer, file);
  }
  std::size_t reads = 0;

 private:
  KernelFiles kernel_;
};

// The tick of the agent with `collector: bpf`, in the same rounds as the others.
class ToldSampler {
 public:
  ToldSampler(const Tree& tree, TimePoint now) : sampler_(tree, {}, files_) {
    auto source = open_cgroup_iterator(tree);
    if (!source) {
      std::printf("bpf     %s\n", source.error().sentence().c_str());
      return;
    }
    sampler_.set_source(std::move(*source));
    sampler_.rescan(now);
    static_cast<void>(sampler_.tick(now));
  }
  std::size_t tick(TimePoint now) {
    if (!sampler_.has_source()) return 0;
    files_.reads = 0;
    const double whole = cpu_of([&] {
      sampler_.begin(now);
      walks_.push_back(cpu_of([&] { need(sampler_.read_values()); }));
      while (sampler_.collect(Tier::tick, std::numeric_limits<std::size_t>::max())) {
      }
      samples_ = sampler_.finish()->samples().size();
    });
    ticks_.push_back(whole);
    reads_.push_back(static_cast<double>(files_.reads));
    return samples_;
  }
  void report(double files_tick, double cgroups) const {
    if (ticks_.empty()) return;
    const double tick = median(ticks_);
    std::printf("bpf     %8.2f us per cgroup and tick, %.2f of it in the walk, %.2f files read\n",
                tick / cgroups * 1e6, median(walks_) / cgroups * 1e6, median(reads_) / cgroups);
    std::printf("ratio   %8.2f of ours by files\n", tick / files_tick);
  }

 private:
  CountedFiles files_;
  Sampler sampler_;
  std::vector<double> ticks_;
  std::vector<double> walks_;
  std::vector<double> reads_;
  std::size_t samples_ = 0;
};

int compare(const Tree& tree) {
  KernelFiles files;
  Sampler sampler(tree, {}, files);
  TimePoint now{Usec{1'000'000}, Usec{0}};
  const std::size_t before = resident_kib();
  sampler.rescan(now);
  const auto first = sampler.tick(now);
  const double cgroups = static_cast<double>(first->samples().size());

  std::vector<std::string> directories;
  for (const Sample& sample : first->samples()) directories.push_back(tree.root() + sample.path);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kTickFiles; ++i) {
    // cgroup.events is polled, not read, by either.
    if (i != kCgroupEvents) names.emplace_back(sampled_files()[i].name);
  }
  Floor floor(directories, names);

  ToldSampler told(tree, now);
  std::vector<double> floors;
  std::vector<double> ours;
  std::uint64_t sum = 0;
  for (int round = 0; round < kRounds; ++round) {
    now.boottime += Usec{10};  // no other tier is due
    floors.push_back(cpu_of([&] { sum += floor.tick(); }));
    ours.push_back(cpu_of([&] {
      sampler.begin(now);
      while (sampler.collect(Tier::tick, std::numeric_limits<std::size_t>::max())) {
      }
      sum += sampler.finish()->samples().size();
    }));
    sum += told.tick(now);
  }
  const double whole = cpu_of([&] {
    for (int second = 0; second < 30; ++second) {
      now.boottime += Usec{1'000'000};
      sum += sampler.tick(now)->samples().size();
    }
  });
  const double ratio = median(ours) / median(floors);
  std::printf("cgroups %.0f, files %zu, checksum %llu\n", cgroups, floor.files(),
              static_cast<unsigned long long>(sum));
  std::printf("floor   %8.2f us per cgroup and tick\n", median(floors) / cgroups * 1e6);
  std::printf("ours    %8.2f us per cgroup and tick\n", median(ours) / cgroups * 1e6);
  std::printf("ratio   %8.2f (bar %.1f)\n", ratio, kBar);
  told.report(median(ours), cgroups);
  std::printf(
      "at 1 Hz, all tiers: %.3f of a processor (the six files alone: %.3f, their floor %.3f)\n",
      whole / 30, median(ours), median(floors));
  std::printf("memory  %8.1f MiB\n", static_cast<double>(resident_kib() - before) / 1024);
  return ratio <= kBar ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: watch_benchmark ROOT [COUNT]\n");
    return 2;
  }
  raise_fd_limit();
  auto tree = Tree::open(argv[1]);
  if (!tree) {
    std::fprintf(stderr, "%s\n", tree.error().sentence().c_str());
    return 125;
  }
  if (argc == 2) return compare(*tree);
  const MadeCgroups made(*tree, std::strtoul(argv[2], nullptr, 10));
  return compare(*tree);
}
