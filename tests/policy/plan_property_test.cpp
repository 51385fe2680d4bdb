// Planned orders against a model of the kernel's rules, over random transitions.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "cgroup/format.h"
#include "policy/plan.h"

namespace cgwarden::policy {
namespace {

using cgroup::CpuMax;
using cgroup::Sample;
using cgroup::Snapshot;

// One cgroup that takes a write as kernel/sched/core.c and mm/memcontrol.c of 6.1 do: false is
// EINVAL or ERANGE.
class ModelKernel {
 public:
  explicit ModelKernel(Sample sample) : sample_(std::move(sample)) {}
  [[nodiscard]] const Sample& sample() const { return sample_; }

  bool write(const std::string& file, const std::string& value) {
    const std::string line = value + "\n";
    if (file == "cpu.max") return set_quota(cgroup::parse_cpu_max(line).value());
    if (file == "cpu.max.burst") return set_burst(Usec{cgroup::parse_number(line, file).value()});
    if (file == "cpu.weight") {
      const auto weight = cgroup::parse_number(line, file).value();
      if (weight < 1 || weight > 10000 || *sample_.cpu_idle) return false;
      sample_.cpu_weight = static_cast<std::uint32_t>(weight);
      return true;
    }
    if (file == "cpu.idle") {
      const bool idle = cgroup::parse_flag(line, file).value();
      if (idle != *sample_.cpu_idle) sample_.cpu_weight = idle ? 0 : 100;
      sample_.cpu_idle = idle;
      return true;
    }
    if (file == "memory.oom.group") {
      sample_.memory_oom_group = cgroup::parse_flag(line, file).value();
      return true;
    }
    const auto limit = cgroup::parse_limit(line, file).value();
    if (file == "pids.max") {
      sample_.pids_max = limit;
      return is_max(limit) || std::get<std::uint64_t>(limit) <= 4194304;
    }
    LimitOf<Bytes> bytes = Max{};
    if (!is_max(limit)) bytes = Bytes{std::get<std::uint64_t>(limit) / 4096 * 4096};
    member(file) = bytes;
    return true;
  }

 private:
  bool set_quota(const CpuMax& wanted) {
    if (wanted.period < Usec{1000} || wanted.period > Usec{1000000}) return false;
    if (!is_max(wanted.quota)) {
      const Usec quota = std::get<Usec>(wanted.quota);
      if (quota < Usec{1000} || *sample_.cpu_max_burst > quota) return false;
    }
    sample_.cpu_max = wanted;
    return true;
  }
  bool set_burst(Usec burst) {
    const auto& quota = sample_.cpu_max->quota;
    if (!is_max(quota) && burst > std::get<Usec>(quota)) return false;
    sample_.cpu_max_burst = burst;
    return true;
  }
  std::optional<LimitOf<Bytes>>& member(const std::string& file) {
    if (file == "memory.min") return sample_.memory_min;
    if (file == "memory.low") return sample_.memory_low;
    if (file == "memory.high") return sample_.memory_high;
    if (file == "memory.swap.max") return sample_.memory_swap_max;
    EXPECT_EQ(file, "memory.max");
    return sample_.memory_max;
  }
  Sample sample_;
};

class RandomState {
 public:
  explicit RandomState(unsigned seed) : random_(seed) {}

  bool maybe() { return random_() % 2 == 0; }
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  LimitOf<Bytes> memory() {
    if (below(4) == 0) return Max{};
    return Bytes{below(64) * 4096 * 256};
  }
  CpuMax quota() {
    const Usec period{1000 * (1 + below(1000))};
    if (below(4) == 0) return {Max{}, period};
    return {Usec{1000 * (1 + below(200))}, period};
  }
  // A burst that may stand beside `quota`.
  Usec burst(const CpuMax& quota) {
    const std::uint64_t most = is_max(quota.quota) ? 300000 : std::get<Usec>(quota.quota).count();
    return Usec{below(4) == 0 ? most : below(most + 1)};
  }

  Sample sample() {
    Sample sample;
    sample.path = "/a";
    sample.cpu_max = quota();
    sample.cpu_max_burst = burst(*sample.cpu_max);
    sample.cpu_idle = below(4) == 0;
    sample.cpu_weight = *sample.cpu_idle ? 0U : static_cast<std::uint32_t>(1 + below(10000));
    sample.memory_min = memory();
    sample.memory_low = memory();
    sample.memory_high = memory();
    sample.memory_max = memory();
    sample.memory_swap_max = memory();
    sample.memory_oom_group = maybe();
    sample.pids_max = LimitOf<std::uint64_t>(1 + below(100));
    return sample;
  }

  Policy policy(int number) {
    Policy made;
    made.name = "p" + std::to_string(number);
    made.cgroups = {"/a"};
    made.priority = static_cast<int>(below(3));
    Resources& set = made.resources;
    if (maybe()) set.cpu_max = quota();
    if (maybe()) set.cpu_max_burst = burst(set.cpu_max.value_or(CpuMax{Max{}, Usec{100000}}));
    if (maybe()) set.cpu_idle = maybe();
    if (maybe() && !set.cpu_idle.value_or(false)) {
      set.cpu_weight = static_cast<std::uint32_t>(1 + below(10000));
    }
    if (maybe()) set.memory_min = memory();
    if (maybe()) set.memory_low = memory();
    if (maybe()) set.memory_high = memory();
    if (maybe()) set.memory_max = memory();
    if (maybe()) set.memory_swap_max = memory();
    if (maybe()) set.memory_oom_group = maybe();
    if (maybe()) set.pids_max = LimitOf<std::uint64_t>(1 + below(100));
    return made;
  }

 private:
  std::mt19937 random_;
};

TEST(PlanPropertyTest, TheKernelTakesEveryWriteAndASecondPlanIsEmpty) {
  RandomState random(20260101);
  std::size_t writes = 0;
  std::size_t skips = 0;
  std::size_t both = 0;
  for (int transition = 0; transition < 10000; ++transition) {
    ModelKernel kernel(random.sample());
    std::vector<Policy> policies;
    const auto count = 1 + static_cast<int>(random.below(3));
    for (int i = 0; i < count; ++i) policies.push_back(random.policy(i));
    const Snapshot before(TimePoint{}, {kernel.sample()});
    const Plan made = plan(before, policies);
    // Which policy was loaded first does not matter.
    std::ranges::reverse(policies);
    ASSERT_EQ(render(plan(before, policies)), render(made));
    std::size_t bandwidth = 0;
    for (const Write& write : made.writes) {
      ASSERT_TRUE(kernel.write(write.file, write.new_value))
          << "transition " << transition << ": " << write.file << "\n"
          << render(made);
      if (write.file.starts_with("cpu.max")) ++bandwidth;
    }
    if (bandwidth == 2) ++both;
    writes += made.writes.size();
    skips += made.skips.size();
    const Plan again = plan(Snapshot(TimePoint{}, {kernel.sample()}), policies);
    ASSERT_TRUE(again.empty()) << "transition " << transition << ":\n"
                               << render(made) << render(again);
  }
  // The random states reach what the test is about.
  EXPECT_GT(writes, 30000U);
  EXPECT_GT(skips, 500U);
  EXPECT_GT(both, 1000U);
}

TEST(PlanPropertyTest, TheModelRefusesTheOrdersThatThePlannerAvoids) {
  RandomState random(7);
  std::size_t refused = 0;
  for (int transition = 0; transition < 2000; ++transition) {
    ModelKernel kernel(random.sample());
    const Plan made = plan(Snapshot(TimePoint{}, {kernel.sample()}), {random.policy(0)});
    for (auto write = made.writes.rbegin(); write != made.writes.rend(); ++write) {
      if (!kernel.write(write->file, write->new_value)) ++refused;
    }
  }
  EXPECT_GT(refused, 100U);
}

}  // namespace
}  // namespace cgwarden::policy
