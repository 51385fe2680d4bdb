#include "benchmarks/watch/sections.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>

#include "benchmarks/watch/floor.h"
#include "benchmarks/watch/measure.h"
#include "benchmarks/watch/stand_in_files.h"

#include "cgroup/sampler.h"

namespace cgwarden::benchmarks {
namespace {

using namespace cgwarden::cgroup;
namespace fs = std::filesystem;

constexpr int kRounds = 21;
constexpr int kSeconds = 10;
constexpr std::size_t kOtherFiles = 200;

TimePoint moment(std::uint64_t usec) { return {Usec{1'000'000 + usec}, Usec{0}}; }

Tree open_tree(const std::string& root, bool check) {
  auto tree = Tree::open(root, check);
  if (!tree) stop(tree.error().sentence());
  return *std::move(tree);
}

std::size_t most_open_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

// The six files and the snapshot; no other tier.
std::shared_ptr<const Snapshot> six_files(Sampler& sampler, TimePoint now) {
  sampler.begin(now);
  while (sampler.collect(Tier::tick, std::numeric_limits<std::size_t>::max())) continue;
  return sampler.finish();
}

std::vector<std::string> directories_of(const Tree& tree, const Snapshot& snapshot) {
  std::vector<std::string> directories;
  for (const Sample& sample : snapshot.samples()) {
    directories.push_back(tree.root() + (sample.path == "/" ? "" : sample.path));
  }
  return directories;
}

std::vector<std::string> floor_names(bool stand_ins) {
  std::vector<std::string> names;
  for (const auto name : kTickNames) names.emplace_back(stand_ins ? stand_in(name) : name);
  return names;
}

// Both in turns, so that what else the machine does meets them alike.
struct Race {
  std::vector<double> floors;
  std::vector<double> ours;
  std::uint64_t sum = 0;
};

Race race(Sampler& sampler, StandInFiles& files, Floor& floor, bool changing) {
  Race race;
  std::shared_ptr<const Snapshot> before;
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    const std::uint64_t change = changing ? round : 0;
    files.set_round(change);
    race.floors.push_back(cpu_of([&] { race.sum += floor.tick(change); }));
    race.ours.push_back(cpu_of([&] { before = six_files(sampler, moment(round * 10)); }));
    race.sum += before->samples().size();
    stop_if_interrupted();
  }
  return race;
}

void print_race(const char* what, const Race& race, double cgroups) {
  std::printf("  %-20s floor %6.2f us, ours %6.2f us per cgroup and tick (checksum %llu)\n", what,
              median(race.floors) / cgroups * 1e6, median(race.ours) / cgroups * 1e6,
              static_cast<unsigned long long>(race.sum % 1000));
}

// One part of at_one_hertz(): processor seconds of the six files, of all tiers, MiB.
Child::Numbers one_part(const std::string& root, bool stand_ins) {
  const Tree tree = open_tree(root, true);
  StandInFiles files(stand_ins);
  const double before = anonymous_mib(::getpid());
  Sampler sampler(tree, {}, files);
  sampler.rescan(moment(0));
  std::shared_ptr<const Snapshot> held = sampler.tick(moment(1'000'000));
  std::shared_ptr<const Snapshot> last;
  double six = 0;
  double all = 0;
  const double begun = wall_seconds();
  for (int second = 1; second <= kSeconds; ++second) {
    sleep_until(begun + second);
    const TimePoint now = moment(6'000'000 + static_cast<std::uint64_t>(second) * 1'000'000);
    const double start = cpu_seconds();
    sampler.begin(now);
    while (sampler.collect(Tier::tick, std::numeric_limits<std::size_t>::max())) continue;
    const double others = cpu_seconds();
    for (const Tier tier : {Tier::medium, Tier::slow, Tier::limits}) {
      while (sampler.collect(tier, std::numeric_limits<std::size_t>::max())) continue;
    }
    const double end_of_others = cpu_seconds();
    held = std::exchange(last, sampler.finish());
    const double end = cpu_seconds();
    six += others - start + end - end_of_others;
    all += end - start;
  }
  return {six, all, anonymous_mib(::getpid()) - before};
}

// Directories with hard links to one set of files.
void fill(const std::string& root, std::size_t cgroups) {
  const fs::path captured = fs::path(FIXTURES) / "6.12" / "leaf";
  for (const SampledFile& file : sampled_files()) {
    if (fs::exists(captured / file.name))
      fs::copy_file(captured / file.name, fs::path(root) / file.name);
  }
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(root)) files.push_back(entry.path());
  const std::string group = "/kubepods.slice/kubepods-burstable.slice";
  for (std::size_t i = 0; i < cgroups; ++i) {
    const std::string pod = std::to_string(1'000'000'000 + i / 4);
    const std::string directory = root + group + "/kubepods-burstable-pod" + pod +
                                  ".slice/cri-containerd-" + std::to_string(i) + pod + ".scope";
    fs::create_directories(directory);
    for (const fs::path& file : files) {
      fs::create_hard_link(file, fs::path(directory) / file.filename());
    }
  }
}

}  // namespace

Figures ratio(const PrivateMount& mount, std::size_t cgroups) {
  most_open_files();
  const MadeCgroups made(mount.path(), 1, cgroups);
  const Tree tree = open_tree(made.part_roots()[0], true);
  StandInFiles files(made.stand_ins());
  Sampler sampler(tree, {}, files);
  sampler.rescan(moment(0));
  const auto first = sampler.tick(moment(0));
  Floor floor(directories_of(tree, *first), floor_names(made.stand_ins()));
  const auto count = static_cast<double>(first->samples().size());
  std::printf("%.0f cgroups, %zu files, in turns%s:\n", count, floor.files(),
              made.stand_ins() ? " (hugetlb.2MB.current and .events for those of memory)" : "");
  const Race still = race(sampler, files, floor, false);
  print_race("as the kernel prints", still, count);
  const Race changing = race(sampler, files, floor, true);
  print_race("every text changes", changing, count);
  return {
      {"six files of 1,000 cgroups / floor", median(still.ours) / median(still.floors), "x", 1.3},
      {"the same, every text changes", median(changing.ours) / median(changing.floors), "x", 1.3}};
}

Figures at_one_hertz(const PrivateMount& mount, std::size_t cgroups) {
  const std::size_t room = most_open_files() - kOtherFiles;
  const std::size_t parts = 1 + cgroups * kTickFiles * 102 / 100 / room;
  const MadeCgroups made(mount.path(), parts, cgroups / parts);
  std::printf("%zu cgroups at 1 Hz for %d s, in %zu process%s\n", cgroups, kSeconds, parts,
              parts == 1 ? "" : "es (one may not open that many files)");
  std::vector<Child> children;
  for (const std::string& root : made.part_roots()) {
    children.emplace_back([&] { return one_part(root, made.stand_ins()); });
  }
  Child::Numbers total{0, 0, 0};
  for (const Child& child : children) {
    const auto numbers = child.wait();
    if (numbers.size() != total.size()) stop("a part of it failed");
    std::ranges::transform(total, numbers, total.begin(), std::plus{});
  }
  return {{"six files of 10,000 cgroups at 1 Hz", total[0] / kSeconds, "of a processor", 0.25},
          {"all tiers", total[1] / kSeconds, "of a processor"},
          {"memory of the sampler, two snapshots alive", total[2], "MiB", 100}};
}

Figures memory_with_every_file(std::size_t cgroups) {
  const Child child([&]() -> Child::Numbers {
    std::string root = "/tmp/watch_benchmark.XXXXXX";
    if (::mkdtemp(root.data()) == nullptr ||
        ::mount("none", root.c_str(), "tmpfs", 0, nullptr) != 0) {
      stop("cannot mount a tmpfs");
    }
    fill(root, cgroups);
    const double before = anonymous_mib(::getpid());
    Child::Numbers numbers;
    {
      const Tree tree = open_tree(root, false);
      StandInFiles files(false);
      Sampler::Options options;
      options.most_kept_files = most_open_files() - kOtherFiles;
      Sampler sampler(tree, options, files);
      sampler.rescan(moment(0));
      std::shared_ptr<const Snapshot> held;
      std::shared_ptr<const Snapshot> last;
      for (std::uint64_t round = 1; round <= 6; ++round) {
        files.set_round(round);
        held = std::exchange(last, sampler.tick(moment(round * 15'000'000)));
      }
      numbers = {anonymous_mib(::getpid()) - before};
    }
    ::umount2(root.c_str(), MNT_DETACH);
    ::rmdir(root.c_str());
    return numbers;
  });
  const auto numbers = child.wait();
  if (numbers.empty()) stop("a part of it failed");
  return {{"the same with every file, all texts changing", numbers[0], "MiB", 100}};
}

}  // namespace cgwarden::benchmarks
