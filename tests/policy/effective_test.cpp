#include "policy/effective.h"

#include <gmock/gmock.h>

#include <vector>

#include "policy/explain.h"
#include "policy/unit_value.h"
#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using cgroup::CpuMax;
using cgroup::Sample;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

constexpr std::uint64_t kMebibyte = 1U << 20U;

Sample group(const std::string& path, std::uint64_t id, std::uint64_t used_mib) {
  Sample sample;
  sample.path = path;
  sample.id = CgroupId{id};
  sample.cpu_max = CpuMax{Max{}, Usec{100000}};
  sample.memory_current = Bytes{used_mib * kMebibyte};
  sample.memory_min = LimitOf<Bytes>(Bytes{0});
  sample.memory_low = LimitOf<Bytes>(Bytes{0});
  sample.memory_high = LimitOf<Bytes>(Max{});
  sample.memory_max = LimitOf<Bytes>(Max{});
  sample.pids_max = LimitOf<std::uint64_t>(Max{});
  return sample;
}

LimitOf<Bytes> mib(std::uint64_t size) { return Bytes{size * kMebibyte}; }

std::optional<Effective> effective(std::vector<Sample> samples, const std::string& path,
                                   std::string_view file, const NodeFacts& facts = {}) {
  const cgroup::Snapshot snapshot(TimePoint{}, std::move(samples));
  const NodeState state(snapshot, {}, facts);
  for (const auto& cgroup : state.cgroups()) {
    if (cgroup.sample->path == path) return effective_of(cgroup, file, facts);
  }
  return std::nullopt;
}

TEST(Effective, AQuotaIsTheLeastInCpusOfItsAncestors) {
  auto samples = std::vector{group("/", 1, 0), group("/a", 2, 0), group("/a/b", 3, 0)};
  samples[0].cpu_max = CpuMax{Usec{1000}, Usec{100000}};  // the root has no limits
  samples[1].cpu_max = CpuMax{Usec{100000}, Usec{200000}};
  samples[2].cpu_max = CpuMax{Usec{60000}, Usec{100000}};
  EXPECT_THAT(effective(samples, "/a/b", "cpu.max"), Optional(Effective{"0.5 CPUs", "/a"}));
  samples[1].cpu_max = CpuMax{Max{}, Usec{100000}};
  EXPECT_THAT(effective(samples, "/a/b", "cpu.max"), Optional(Effective{"0.6 CPUs", "/a/b"}));
  EXPECT_THAT(effective(samples, "/a", "cpu.max"), Optional(Effective{"max", "/a"}));
  samples[2].cpu_max.reset();
  EXPECT_EQ(effective(samples, "/a/b", "cpu.max"), std::nullopt);
}

TEST(Effective, ALimitIsTheLeastOfItsAncestors) {
  auto samples = std::vector{group("/a", 2, 0), group("/a/b", 3, 0)};
  samples[0].memory_max = mib(32);
  samples[1].memory_max = mib(64);
  samples[1].pids_max = LimitOf<std::uint64_t>(std::uint64_t{5});
  EXPECT_THAT(effective(samples, "/a/b", "memory.max"),
              Optional(Effective{"33554432 (32.0 MiB)", "/a"}));
  EXPECT_THAT(effective(samples, "/a/b", "pids.max"), Optional(Effective{"5", "/a/b"}));
  EXPECT_EQ(effective(samples, "/a/b", "cpu.weight"), std::nullopt);
}

struct ProtectionCase {
  std::uint64_t parent_low;
  std::uint64_t parent_used;
  std::uint64_t low;
  std::uint64_t used;
  std::uint64_t sibling_low;
  std::uint64_t sibling_used;
  bool recursive;
  std::uint64_t expected;
};

TEST(Effective, AProtectionIsAShareOfWhatIsLeftAbove) {
  for (const ProtectionCase& row : std::vector<ProtectionCase>{
           {100, 200, 60, 80, 20, 100, false, 60},  // enough for both
           {100, 200, 60, 40, 20, 100, false, 40},  // never more than is used
           {60, 200, 60, 80, 60, 100, false, 30},   // overcommitted: by what each claims
           {60, 200, 60, 20, 60, 100, false, 15},   // and claims what it uses
           {0, 200, 60, 80, 0, 100, false, 0},      // nothing above, nothing below
           {100, 200, 0, 80, 0, 120, false, 0},     // not claimed, not shared
           {100, 200, 0, 80, 0, 120, true, 40},     // by memory_recursiveprot it is
           {100, 200, 60, 80, 20, 100, true, 63},   // 60 + 20 * 20/120
       }) {
    auto samples = std::vector{group("/a", 2, row.parent_used), group("/a/b", 3, row.used),
                               group("/a/c", 4, row.sibling_used)};
    samples[0].memory_low = mib(row.parent_low);
    samples[1].memory_low = mib(row.low);
    samples[2].memory_low = mib(row.sibling_low);
    NodeFacts facts;
    facts.recursive_protection = row.recursive;
    const auto found = effective(samples, "/a/b", "memory.low", facts);
    ASSERT_TRUE(found);
    EXPECT_EQ(std::stoull(found->value) / kMebibyte, row.expected) << found->value;
  }
}

TEST(Effective, AProtectionBelowTheRootIsWhatIsSet) {
  auto samples = std::vector{group("/", 1, 0), group("/a", 2, 1)};
  samples[1].memory_min = mib(64);
  EXPECT_THAT(effective(samples, "/a", "memory.min"),
              Optional(Effective{"67108864 (64.0 MiB)", "/a"}));
  samples[1].memory_min = LimitOf<Bytes>(Max{});
  EXPECT_THAT(effective(samples, "/a", "memory.min"), Optional(Effective{"max", "/a"}));
  samples.push_back(group("/a/b", 3, 1));
  samples[1].memory_current.reset();
  EXPECT_EQ(effective(samples, "/a/b", "memory.min"), std::nullopt);
}

TEST(Effective, APlanTellsItWithAllInForce) {
  const cgroup::Snapshot snapshot(TimePoint{}, {group("/a", 2, 0), group("/a/b", 3, 0)});
  const std::vector<Policy> policies{testing::policy_of("p", "/a", "cpu: {max: 0.2}\n"),
                                     testing::policy_of("q", "/a/b", "cpu: {max: 1.5}\n")};
  Plan made = plan(snapshot, policies);
  add_effective(made, snapshot, policies, {});
  ASSERT_EQ(made.writes.size(), 2U);
  EXPECT_THAT(made.writes[0].effective, Optional(Effective{"0.2 CPUs", "/a"}));
  EXPECT_THAT(made.writes[1].effective, Optional(Effective{"0.2 CPUs", "/a"}));
  EXPECT_THAT(render(made), HasSubstr("policy q (q.yaml:6), effective 0.2 CPUs by /a\n"));
  EXPECT_THAT(render(made), Not(HasSubstr("policy p (p.yaml:6), effective")));
  EXPECT_THAT(to_json(made), HasSubstr(R"("effective": {
        "value": "0.2 CPUs",
        "by": "/a"
      })"));
}

TEST(UnitValue, AQuotaIsInWholePercentsRoundedUp) {
  EXPECT_THAT(value_through_systemd("cpu.max", "33700 100000"),
              Optional(std::string("34000 100000")));
  EXPECT_THAT(value_through_systemd("cpu.max", "500 100000"), Optional(std::string("1000 100000")));
  EXPECT_THAT(value_through_systemd("cpu.max", "50000 100000"),
              Optional(std::string("50000 100000")));
  EXPECT_THAT(value_through_systemd("cpu.max", "12345 20000"),
              Optional(std::string("12400 20000")));
  EXPECT_THAT(value_through_systemd("cpu.max", "max 100000"), Optional(std::string("max 100000")));
  EXPECT_THAT(value_through_systemd("memory.max", "123456"), Optional(std::string("123456")));
  EXPECT_EQ(value_through_systemd("cpu.max.burst", "1000"), std::nullopt);
}

TEST(UnitValue, AUnitsKnobIsComparedWithWhatSystemdWrites) {
  Sample sample = group("/system.slice/a.service", 2, 0);
  sample.cpu_max_burst = Usec{0};
  const auto systemds = [](std::string_view) { return Access{.through = Through::systemd}; };
  const std::vector<Policy> policies{testing::policy_of(
      "p", "/system.slice/a.service", "cpu: {max: 0.337, burst: 10ms}\nmemory: {max: 64MiB}\n")};
  auto made = plan(cgroup::Snapshot(TimePoint{}, {sample}), policies, systemds);
  ASSERT_EQ(made.writes.size(), 2U);
  EXPECT_EQ(made.writes[0].new_value, "34000 100000");
  EXPECT_EQ(made.writes[0].through, Through::systemd);
  ASSERT_EQ(made.skips.size(), 1U);
  EXPECT_EQ(made.skips[0].reason,
            "the cgroup is systemd's, which has no property for cpu.max.burst; "
            "allowUnmanagedKnobs writes it all the same");
  // What it wrote is held, and no drift.
  sample.cpu_max = CpuMax{Usec{34000}, Usec{100000}};
  sample.memory_max = mib(64);
  made = plan(cgroup::Snapshot(TimePoint{}, {sample}), policies, systemds);
  EXPECT_TRUE(made.writes.empty());
  ASSERT_EQ(made.held.size(), 2U);
  EXPECT_EQ(made.held[0].value, "34000 100000");
}

TEST(UnitValue, AControllerThatIsOffIsTurnedOnBySystemd) {
  Sample root = group("/", 1, 0);
  root.controllers = {"cpu"};
  root.subtree_control = {"cpu"};
  Sample slice = group("/system.slice", 2, 0);
  slice.controllers = {"cpu"};
  slice.subtree_control = std::vector<std::string>{};
  Sample unit = group("/system.slice/a.service", 3, 0);
  unit.controllers = std::vector<std::string>{};
  unit.cpu_max.reset();
  const cgroup::Snapshot snapshot(TimePoint{}, {root, slice, unit});
  const std::vector<Policy> policies{
      testing::policy_of("p", "/system.slice/a.service", "cpu: {max: 0.5, burst: 10ms}\n")};
  const auto made = plan(snapshot, policies,
                         [](std::string_view) { return Access{.through = Through::systemd}; });
  ASSERT_EQ(made.writes.size(), 1U);
  EXPECT_EQ(made.writes[0].old_value, "max 100000");
  EXPECT_EQ(made.writes[0].new_value, "50000 100000");
  ASSERT_EQ(made.skips.size(), 1U);
  EXPECT_EQ(made.skips[0].rule, "L27");
  // Nobody turns it on for a cgroup that is written directly.
  EXPECT_TRUE(plan(snapshot, policies).writes.empty());
}

TEST(Adopt, APolicyThatAdoptsWritesAnotherManagersCgroup) {
  const cgroup::Snapshot snapshot(TimePoint{}, {group("/docker/x", 2, 0)});
  const auto foreign = [](std::string_view) {
    return Access{.refusal = "another manager's", .adoptable = true, .rule = "L31"};
  };
  const auto respectful =
      plan(snapshot, {testing::policy_of("p", "/docker/*", "pids: {max: 5}\n")}, foreign);
  EXPECT_TRUE(respectful.writes.empty());
  ASSERT_EQ(respectful.skips.size(), 1U);
  EXPECT_EQ(respectful.skips[0].rule, "L31");
  const auto adopting = plan(
      snapshot, {testing::policy_of("p", "/docker/*", "owner: adopt\npids: {max: 5}\n")}, foreign);
  EXPECT_EQ(adopting.writes.size(), 1U);
}

}  // namespace
}  // namespace cgwarden::policy
