// discovery(): the latency of the watch while ticks go on, with the portions of the agent's loop.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <random>
#include <thread>

#include "benchmarks/watch/measure.h"
#include "benchmarks/watch/sections.h"
#include "benchmarks/watch/stand_in_files.h"

#include "cgroup/sampler.h"

namespace cgwarden::benchmarks {
namespace {

using namespace cgwarden::cgroup;

constexpr std::size_t kPortion = 256;
constexpr double kPatience = 5;

TimePoint now() { return {Usec(static_cast<std::uint64_t>(wall_seconds() * 1e6)), Usec{0}}; }

// A sampler at 1 Hz in a thread of its own, as agent/sampling_loop.cpp drives it.
class TickingSampler {
 public:
  TickingSampler(const Tree& tree, bool stand_ins) : files_(stand_ins), sampler_(tree, {}, files_) {
    auto watch = TreeWatch::best(tree);
    if (!watch) stop(watch.error().sentence());
    sampler_.watch_with(std::move(*watch), now());
    kind_ = sampler_.discovery();
    note();
    itimerspec each{};
    each.it_interval.tv_sec = each.it_value.tv_sec = 1;
    ::timerfd_settime(timer_.get(), 0, &each, nullptr);
    thread_ = std::thread([this] { run(); });
  }
  ~TickingSampler() {
    ended_ = true;
    thread_.join();
  }
  TickingSampler(const TickingSampler&) = delete;
  TickingSampler& operator=(const TickingSampler&) = delete;

  [[nodiscard]] std::size_t cgroups() const { return cgroups_; }
  // When the last change of cgroups() was.
  [[nodiscard]] double known_at() const { return known_at_; }
  [[nodiscard]] std::string kind() const { return kind_; }

 private:
  void note() {
    if (cgroups_ == sampler_.cgroups()) return;
    known_at_ = wall_seconds();
    cgroups_ = sampler_.cgroups();
  }
  void run() {
    std::size_t tier = kTiers;  // none
    while (!ended_) {
      std::array<pollfd, 3> fds{{{sampler_.changes_fd(), POLLIN, 0},
                                 {sampler_.events_fd(), POLLIN, 0},
                                 {timer_.get(), POLLIN, 0}}};
      ::poll(fds.data(), fds.size(), tier < kTiers ? 0 : 100);
      if (fds[0].revents != 0) sampler_.take_changes(now());
      note();
      if (fds[1].revents != 0) sampler_.take_events(now());
      std::uint64_t expired = 0;
      if (tier == kTiers && ::read(timer_.get(), &expired, sizeof expired) > 0) {
        sampler_.begin(now());
        tier = 0;
      }
      if (tier == kTiers) continue;
      if (!sampler_.collect(kAllTiers.at(tier), kPortion)) ++tier;
      if (tier < kTiers) continue;
      last_ = sampler_.finish();
    }
  }

  StandInFiles files_;
  Sampler sampler_;
  UniqueFd timer_{::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
  std::string kind_;
  std::shared_ptr<const Snapshot> last_;
  std::atomic<std::size_t> cgroups_ = 0;
  std::atomic<double> known_at_ = 0;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

// Seconds until the sampler has `wanted` cgroups.
double wait(const TickingSampler& sampler, std::size_t wanted, double since) {
  while (sampler.cgroups() != wanted) {
    if (wall_seconds() - since > kPatience) stop("a new cgroup is not known after 5 s");
    sleep_until(wall_seconds() + 0.0002);
  }
  return sampler.known_at() - since;
}

}  // namespace

Figures discovery(const PrivateMount& mount, std::size_t cgroups, std::size_t rounds) {
  const MadeCgroups made(mount.path(), 1, cgroups);
  auto tree = Tree::open(made.part_roots()[0]);
  if (!tree) stop(tree.error().sentence());
  const TickingSampler sampler(*tree, made.stand_ins());
  const std::size_t base = sampler.cgroups();
  std::mt19937 random(1);
  std::vector<double> took;
  for (std::size_t i = 0; i < rounds; ++i) {
    const std::string path = made.part_roots()[0] + "/group0/new" + std::to_string(i);
    sleep_until(wall_seconds() + static_cast<double>(random() % 10'000) / 1e6);
    const double begun = wall_seconds();
    if (::mkdir(path.c_str(), 0755) != 0) stop("cannot make " + path);
    took.push_back(wait(sampler, base + 1, begun) * 1e3);
    ::rmdir(path.c_str());
    static_cast<void>(wait(sampler, base, wall_seconds()));
  }
  std::printf("%zu cgroups made, one at a time, among %zu that are sampled at 1 Hz (%s):\n", rounds,
              base, sampler.kind().c_str());
  return {{"a new cgroup is known: half of them after", median(took), "ms"},
          {"99 of 100 after", quantile(took, 0.99), "ms"},
          {"the last one after", quantile(took, 1), "ms", 50}};
}

}  // namespace cgwarden::benchmarks
