#include "policy/explain.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using cgroup::Sample;
using cgroup::Snapshot;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Explain : public ::testing::Test {
 protected:
  Explain() {
    parent_.path = "/a";
    parent_.id = CgroupId{2};
    parent_.cpu_max = cgroup::CpuMax{Usec{20000}, Usec{100000}};
    sample_.path = "/a/b";
    sample_.id = CgroupId{3};
    sample_.cpu_weight = 100;
    sample_.cpu_max = cgroup::CpuMax{Usec{50000}, Usec{100000}};
    sample_.memory_max = LimitOf<Bytes>(Bytes{64U << 20U});
    sample_.pids_max = LimitOf<std::uint64_t>(std::uint64_t{7});
  }
  [[nodiscard]] Explanation explained(const std::vector<Policy>& policies,
                                      const std::vector<Original>& originals = {},
                                      const Access& access = {}) const {
    auto made =
        explain("/a/b", Snapshot(TimePoint{}, {parent_, sample_}), policies, originals, access, {});
    EXPECT_TRUE(made);
    return *std::move(made);
  }
  static const KnobExplanation& knob(const Explanation& explanation, std::string_view file) {
    return *std::ranges::find(explanation.knobs, file, &KnobExplanation::file);
  }
  [[nodiscard]] Original original(const std::string& file, const std::string& before,
                                  const std::string& ours, Keeper keeper = Keeper::agent) const {
    return {"/a/b",
            sample_.id,
            file,
            before,
            ours,
            "",
            "web",
            keeper,
            Through::cgroupfs,
            Usec{1'700'000'000'000'000}};
  }

  Sample parent_;
  Sample sample_;
};

TEST_F(Explain, WinnerLosersAndTheAncestorThatBinds) {
  const auto low = testing::policy_of("low", "/a/*", "cpu: {max: 0.7}\n");
  auto high = testing::policy_of("web", "/a/b", "cpu: {max: 0.5}\n");
  high.priority = 5;
  const auto made = explained({low, high}, {original("cpu.max", "max 100000", "50000 100000")});
  const auto& max = knob(made, "cpu.max");
  ASSERT_TRUE(max.winner);
  EXPECT_EQ(max.winner->policy, "web");
  ASSERT_EQ(max.claims.size(), 2U);
  EXPECT_EQ(max.claims[1].policy, "low");
  EXPECT_EQ(max.claims[1].value, "70000 100000");
  EXPECT_EQ(max.set_by, SetBy::agent);
  EXPECT_EQ(max.pending, "");
  EXPECT_THAT(render(made), HasSubstr("  cpu.max           50000 100000 (0.5 CPUs)\n"
                                      "    effective  0.2 CPUs by /a\n"
                                      "    set by     the agent for policy web, since 2023-11-14 "
                                      "22:13:20 UTC; before that it was max 100000\n"
                                      "    wins       50000 100000   policy web (web.yaml:6), "
                                      "priority 5\n"
                                      "    loses      70000 100000   policy low (low.yaml:6)\n"));
}

TEST_F(Explain, WhatALoopFinds) {
  const auto web = testing::policy_of("web", "/a/b", "adapt: {cpu: {ceiling: 2}}\n");
  auto below = testing::policy_of("below", "/a/b", "cpu: {max: 0.7}\n");
  below.priority = -1;
  const auto made = explained({web, below}, {original("cpu.max", "max 100000", "50000 100000")});
  const auto& max = knob(made, "cpu.max");
  ASSERT_TRUE(max.winner);
  EXPECT_TRUE(max.winner->loop);
  EXPECT_EQ(max.set_by, SetBy::agent);
  EXPECT_EQ(max.pending, "");
  const std::string text = render(made);
  EXPECT_THAT(text,
              HasSubstr("    wins       found by its loop (adapt)   policy web (web.yaml:6)"));
  EXPECT_THAT(text, HasSubstr("    loses      70000 100000   policy below"));
  const auto refused = explained({web}, {}, {.refusal = "it is protected"});
  EXPECT_EQ(knob(refused, "cpu.max").pending, "not written: it is protected");
}

TEST_F(Explain, AFreezeOfWhatHoldsSomethingProtectedIsNotWritten) {
  sample_.cgroup_freeze = false;
  const auto web = testing::policy_of("web", "/a/b", "cgroup: {freeze: true}\npids: {max: 50}\n");
  const auto held = explained({web}, {}, {.holds = "/a/b/ssh.service"});
  EXPECT_EQ(knob(held, "cgroup.freeze").pending,
            "not written: it holds /a/b/ssh.service, which is protected");
  EXPECT_THAT(knob(held, "pids.max").pending, HasSubstr("to be written"));
}

TEST_F(Explain, WhoSetIt) {
  EXPECT_EQ(knob(explained({}), "cpu.weight").set_by, SetBy::nobody);
  EXPECT_EQ(knob(explained({}), "pids.max").set_by, SetBy::other);
  EXPECT_EQ(
      knob(explained({}, {original("pids.max", "max", "7", Keeper::apply)}), "pids.max").set_by,
      SetBy::apply);
  const auto changed = explained({}, {original("pids.max", "max", "9")});
  EXPECT_EQ(knob(changed, "pids.max").set_by, SetBy::other);
  EXPECT_THAT(render(changed), HasSubstr("somebody else, after policy web had written 9; before "
                                         "that it was max"));
  auto own = testing::policy_of("web", "/a/b", "pids: {max: 7}\n");
  own.name = "workload/web";
  EXPECT_EQ(knob(explained({own}), "pids.max").set_by, SetBy::workload);
  // Of another cgroup that had the name.
  auto before = original("pids.max", "max", "7");
  before.id = CgroupId{99};
  EXPECT_EQ(knob(explained({}, {before}), "pids.max").set_by, SetBy::other);
  // Of a unit it stays the unit's, and is not that of another one with its name.
  before.through = Through::systemd;
  EXPECT_EQ(knob(explained({}, {before}), "pids.max").set_by, SetBy::agent);
  before.cgroup = "/user.slice/b";
  EXPECT_EQ(knob(explained({}, {before}), "pids.max").set_by, SetBy::other);
}

TEST_F(Explain, WhatIsPendingAndWhy) {
  const auto policy = testing::policy_of("web", "/a/b", "pids: {max: 5}\ncpu: {max: 0.337}\n");
  EXPECT_EQ(knob(explained({policy}), "pids.max").pending, "to be written: 5");
  const Access systemds{.through = Through::systemd};
  EXPECT_EQ(knob(explained({policy}, {}, systemds), "cpu.max").pending,
            "to be written by way of systemd: 34000 100000 (0.34 CPUs)");
  const Access foreign{.refusal = "it is docker's", .adoptable = true};
  EXPECT_EQ(knob(explained({policy}, {}, foreign), "pids.max").pending,
            "not written: it is docker's");
  const auto tried = testing::policy_of("try", "/a/b", "mode: plan\npids: {max: 5}\n");
  const Explanation of_tried = explained({tried});
  const auto& knob_tried = knob(of_tried, "pids.max");
  EXPECT_FALSE(knob_tried.winner);
  EXPECT_EQ(knob_tried.pending, "");
  EXPECT_EQ(knob_tried.claims.size(), 1U);
}

TEST_F(Explain, WhatNobodyTouchedIsOneLine) {
  sample_.pids_max = LimitOf<std::uint64_t>(Max{});
  const auto text = render(explained({}));
  EXPECT_THAT(text, HasSubstr("as the kernel begins, without a policy: cpu.weight, pids.max\n"));
  EXPECT_THAT(text, Not(HasSubstr("  pids.max          ")));
  EXPECT_FALSE(explain("/no", Snapshot(TimePoint{}, {sample_}), {}, {}, {}, {}));
}

TEST_F(Explain, Json) {
  const auto policy = testing::policy_of("web", "/a/b", "pids: {max: 5}\n");
  const auto document =
      nlohmann::json::parse(to_json(explained({policy}, {original("pids.max", "max", "7")})));
  EXPECT_EQ(document.at("version"), 1);
  EXPECT_EQ(document.at("cgroup"), "/a/b");
  for (const auto& knob : document.at("knobs")) {
    if (knob.at("file") != "pids.max") continue;
    EXPECT_EQ(knob.at("set_by"), "agent");
    EXPECT_EQ(knob.at("winner").at("policy"), "web");
    EXPECT_EQ(knob.at("winner").at("position").at("line"), 6);
    EXPECT_EQ(knob.at("original").at("value"), "max");
    EXPECT_EQ(knob.at("pending"), "to be written: 5");
  }
  EXPECT_EQ(document.at("knobs").size(), 4U);
}

TEST(Originals, TheFirstValueStaysAndTheLastTwoOfOursAreKnown) {
  Write write;
  write.cgroup = "/a";
  write.id = CgroupId{7};
  write.file = "pids.max";
  write.old_value = "max";
  write.new_value = "5";
  write.policy = "p";
  const auto first = after_write(nullptr, write, Keeper::apply, Usec{1});
  EXPECT_EQ(first.original, "max");
  EXPECT_EQ(first.ours, "5");
  EXPECT_EQ(first.previous, "");
  write.old_value = "9";  // somebody's
  write.new_value = "6";
  write.policy = "q";
  const auto second = after_write(&first, write, Keeper::agent, Usec{2});
  EXPECT_EQ(second.original, "max");
  EXPECT_EQ(second.ours, "6");
  EXPECT_EQ(second.previous, "5");
  EXPECT_EQ(second.policy, "q");
  EXPECT_EQ(second.keeper, Keeper::agent);
  EXPECT_EQ(second.since, Usec{1});
  // `policy apply` beside the agent does not take the knob from it.
  EXPECT_EQ(after_write(&second, write, Keeper::apply, Usec{3}).keeper, Keeper::agent);
  EXPECT_EQ(after_write(&second, write, Keeper::apply, Usec{3}).previous, "5");
}

std::vector<std::string> restore_order(const std::vector<std::array<const char*, 4>>& entries) {
  std::vector<Original> originals;
  for (const auto& [cgroup, file, before, ours] : entries) {
    originals.push_back({cgroup, CgroupId{1}, file, before, ours, "", "p", Keeper::agent,
                         Through::cgroupfs, Usec{0}});
  }
  sort_for_restore(originals);
  std::vector<std::string> order;
  for (const auto& entry : originals) order.push_back(entry.cgroup + " " + entry.file);
  return order;
}

TEST(Originals, AreGivenBackInTheKernelsOrder) {
  EXPECT_THAT(restore_order({{"/a", "cpu.max", "20000 100000", "50000 100000"},
                             {"/a", "cpu.max.burst", "0", "50000"}}),
              ElementsAre("/a cpu.max.burst", "/a cpu.max"));
  EXPECT_THAT(restore_order({{"/a", "cpu.max.burst", "80000", "10000"},
                             {"/a", "cpu.max", "100000 100000", "20000 100000"}}),
              ElementsAre("/a cpu.max", "/a cpu.max.burst"));
  EXPECT_THAT(restore_order({{"/a", "cpu.weight", "300", "100"}, {"/a", "cpu.idle", "0", "1"}}),
              ElementsAre("/a cpu.idle", "/a cpu.weight"));
  EXPECT_THAT(
      restore_order({{"/a/b", "pids.max", "max", "5"}, {"/a", "memory.max", "max", "4096"}}),
      ElementsAre("/a memory.max", "/a/b pids.max"));
}

}  // namespace
}  // namespace cgwarden::policy
