// What policies want of real cgroups, brought about from whatever was there before.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "agent/enforcer.h"
#include "policy/plan.h"
#include "tests/cgroup/kernel/kernel_cgroup.h"

namespace cgwarden::agent {
namespace {

// Values of one cgroup as the kernel must print them.
struct Model {
  std::optional<Usec> quota;  // absent: max
  Usec period{100000};
  Usec burst{0};
  std::uint32_t weight = 100;
  bool idle = false;
  std::map<std::string, LimitOf<Bytes>> memory;
};

class Transitions {
 public:
  explicit Transitions(unsigned seed) : random_(seed) {}

  // Some knobs of the cgroup get other values, of which the kernel takes each combination: a burst
  // is at most the quota, an idle cgroup has no weight.
  policy::Resources next(Model& model) {
    policy::Resources wanted;
    const std::uint64_t kinds = 1 + below(7);
    if ((kinds & 1U) != 0) change_bandwidth(model, wanted);
    if ((kinds & 2U) != 0) change_share(model, wanted);
    if ((kinds & 4U) != 0) change_memory(model, wanted);
    return wanted;
  }

 private:
  std::uint64_t below(std::uint64_t count) { return random_() % count; }
  bool chance() { return below(2) == 0; }

  void change_bandwidth(Model& model, policy::Resources& wanted) {
    const bool with_burst = chance();
    model.period = std::array{Usec{10'000}, Usec{100'000}, Usec{1'000'000}}.at(below(3));
    const Usec least = with_burst ? Usec{1000} : std::max(Usec{1000}, model.burst);
    model.quota = least + Usec{static_cast<Usec::rep>(below(400'000))};
    if (chance()) model.quota.reset();
    if (with_burst) {
      const auto most = static_cast<std::uint64_t>(model.quota.value_or(Usec{500'000}).count());
      model.burst = Usec{static_cast<Usec::rep>(below(most + 1))};
      wanted.cpu_max_burst = model.burst;
    }
    LimitOf<Usec> quota = Max{};
    if (model.quota) quota = *model.quota;
    wanted.cpu_max = cgroup::CpuMax{quota, model.period};
  }

  void change_share(Model& model, policy::Resources& wanted) {
    if (chance()) {
      const bool idle = chance();
      wanted.cpu_idle = idle;
      // kernel/sched/core.c: leaving idle gives the default weight back.
      if (idle != model.idle) model.weight = 100;
      model.idle = idle;
    }
    if (model.idle) return;
    model.weight = 1 + static_cast<std::uint32_t>(below(10'000));
    wanted.cpu_weight = model.weight;
  }

  LimitOf<Bytes> some_bytes() {
    if (below(4) == 0) return Max{};
    return Bytes{below(1U << 20U) * 4096};
  }

  void change_memory(Model& model, policy::Resources& wanted) {
    const std::map<std::string, std::optional<LimitOf<Bytes>>*> knobs{
        {"memory.min", &wanted.memory_min},           {"memory.low", &wanted.memory_low},
        {"memory.high", &wanted.memory_high},         {"memory.max", &wanted.memory_max},
        {"memory.swap.max", &wanted.memory_swap_max},
    };
    for (const auto& [file, knob] : knobs) {
      if (chance()) model.memory[file] = *(*knob = some_bytes());
    }
  }

  std::mt19937_64 random_;
};

class TransitionsTest : public cgroup::testing::KernelTest {
 protected:
  cgroup::Snapshot read() {
    const auto groups = cgroup::FileGroups::all();
    return {TimePoint{},
            {tree_.read_sample(top_, groups).value(), tree_.read_sample(leaf_, groups).value()}};
  }

  std::string text(const std::string& cgroup, const std::string& file) {
    auto content = read_file(tree_.root() + cgroup + "/" + file, 4096);
    EXPECT_TRUE(content.has_value()) << content.error().sentence();
    std::string value = content.value_or("");
    while (value.ends_with('\n')) value.pop_back();
    return value;
  }

  void expect_is(const std::string& cgroup, const Model& model) {
    const std::string quota = model.quota ? std::to_string(model.quota->count()) : "max";
    EXPECT_EQ(text(cgroup, "cpu.max"), quota + " " + std::to_string(model.period.count()));
    EXPECT_EQ(text(cgroup, "cpu.max.burst"), std::to_string(model.burst.count()));
    EXPECT_EQ(text(cgroup, "cpu.idle"), model.idle ? "1" : "0");
    // Of an idle one 6.1 prints 0 and 6.12 prints 1.
    if (!model.idle) EXPECT_EQ(text(cgroup, "cpu.weight"), std::to_string(model.weight));
    for (const auto& [file, limit] : model.memory) {
      const auto* bytes = std::get_if<Bytes>(&limit);
      EXPECT_EQ(text(cgroup, file), bytes != nullptr ? std::to_string(bytes->value) : "max")
          << file;
    }
  }

  static policy::Policy of(const std::string& cgroup, policy::Resources resources) {
    policy::Policy policy;
    policy.name = cgroup;
    policy.cgroups = {cgroup};
    policy.resources = std::move(resources);
    return policy;
  }

  exporters::SelfMetrics metrics_;
  Enforcer enforcer_{tree_, metrics_, false};
};

TEST_F(TransitionsTest, EachIsTakenByTheKernelAndEndsAsWanted) {
  // Another count for a longer run: 10,000 take minutes on an emulated machine.
  const char* asked = std::getenv("CGWARDEN_TRANSITIONS");
  const int count = asked != nullptr ? std::stoi(asked) : 300;
  const unsigned seed = std::random_device{}();
  RecordProperty("seed", std::to_string(seed));
  Transitions transitions(seed);
  std::map<std::string, Model> models{{top_, {}}, {leaf_, {}}};
  std::size_t writes = 0;
  for (int i = 0; i < count; ++i) {
    SCOPED_TRACE("transition " + std::to_string(i) + ", seed " + std::to_string(seed));
    std::vector<policy::Policy> policies;
    for (auto& [cgroup, model] : models) policies.push_back(of(cgroup, transitions.next(model)));
    const auto plan = policy::plan(read(), policies);
    const auto applied = enforcer_.apply_all(plan);
    ASSERT_TRUE(applied.has_value()) << applied.error().sentence() << '\n' << render(plan);
    writes += plan.writes.size();
    for (const auto& [cgroup, model] : models) expect_is(cgroup, model);
    const auto second = policy::plan(read(), policies);
    EXPECT_TRUE(second.empty()) << render(second);
    ASSERT_FALSE(HasFailure()) << render(plan);
  }
  EXPECT_GT(writes, static_cast<std::size_t>(count));
}

}  // namespace
}  // namespace cgwarden::agent
