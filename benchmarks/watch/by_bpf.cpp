#include <cstdio>
#include <limits>

#include "benchmarks/watch/measure.h"
#include "benchmarks/watch/sections.h"

#include "cgroup/bpf/cgroup_iterator.h"
#include "cgroup/sampler.h"

namespace cgwarden::benchmarks {
namespace {

using namespace cgwarden::cgroup;

constexpr std::uint64_t kRounds = 21;

// Counts the reads of files.
class CountedFiles final : public ControlFiles {
 public:
  Result<UniqueFd> open_cgroup(const Tree& tree, std::string_view path) override {
    return kernel_.open_cgroup(tree, path);
  }
  Result<Listing> list(int directory) override { return kernel_.list(directory); }
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

void tick(Sampler& sampler, TimePoint now, double* walk) {
  sampler.begin(now);
  if (walk != nullptr) {
    *walk = cpu_of([&] {
      if (const auto told = sampler.read_values(); !told) stop(told.error().sentence());
    });
  }
  while (sampler.collect(Tier::tick, std::numeric_limits<std::size_t>::max())) continue;
  static_cast<void>(sampler.finish());
}

}  // namespace

Figures by_bpf(const PrivateMount& mount, std::size_t cgroups) {
  const MadeCgroups made(mount.path(), 1, cgroups);
  const auto tree = Tree::open(made.part_roots()[0], true);
  if (!tree) stop(tree.error().sentence());
  auto source = open_cgroup_iterator(*tree);
  if (!source) {
    std::printf("  no BPF collector: %s\n", source.error().sentence().c_str());
    return {};
  }
  const auto moment = [](std::uint64_t usec) { return TimePoint{Usec{1'000'000 + usec}, Usec{0}}; };
  KernelFiles files;
  Sampler by_files(*tree, {}, files);
  by_files.rescan(moment(0));
  CountedFiles counted;
  Sampler told(*tree, {}, counted);
  told.set_source(std::move(*source));
  told.rescan(moment(0));
  static_cast<void>(by_files.tick(moment(0)));
  static_cast<void>(told.tick(moment(0)));
  std::vector<double> file_ticks;
  std::vector<double> told_ticks;
  std::vector<double> walks;
  std::vector<double> reads;
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    const TimePoint now = moment(round * 10);  // no other tier is due
    file_ticks.push_back(cpu_of([&] { tick(by_files, now, nullptr); }));
    counted.reads = 0;
    double walk = 0;
    told_ticks.push_back(cpu_of([&] { tick(told, now, &walk); }));
    walks.push_back(walk);
    reads.push_back(static_cast<double>(counted.reads));
    stop_if_interrupted();
  }
  const auto each = static_cast<double>(cgroups);
  return {{"tick by files, per cgroup", median(file_ticks) / each * 1e6, "us"},
          {"tick by the BPF collector, per cgroup", median(told_ticks) / each * 1e6, "us"},
          {"of it in the walk", median(walks) / each * 1e6, "us"},
          {"files that it read, per cgroup", median(reads) / each, ""},
          {"ratio to files", median(told_ticks) / median(file_ticks), ""}};
}

}  // namespace cgwarden::benchmarks
