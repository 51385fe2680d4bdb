// What plan() leaves out because it must not, or does not, come out as the policy says: a freeze of
// what holds something protected (L41), all memory promised away (L19), CPUs that the parent does
// not have (L34).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "cgroup/grouped_files.h"
#include "policy/node_lint.h"
#include "policy/plan.h"
#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using cgroup::Sample;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Sample cgroup_at(const std::string& path, const std::string& effective = "0-3",
                 const std::string& cpus = "") {
  static std::uint64_t id = 0;
  Sample sample;
  sample.id = CgroupId{++id};
  sample.path = path;
  sample.cgroup_events = cgroup::CgroupEvents{.populated = true, .frozen = false};
  sample.cgroup_freeze = false;
  sample.memory_min = LimitOf<Bytes>(Bytes{0});
  sample.pids_max = LimitOf<std::uint64_t>(Max{});
  sample.controllers = sample.subtree_control = {"memory", "pids", "cpuset"};
  auto grouped = std::make_shared<cgroup::GroupedFiles>();
  grouped->cpuset_cpus = cgroup::IdList{cpus, 0};
  grouped->cpuset_cpus_effective = cgroup::IdList{effective, 0};
  sample.grouped = grouped;
  return sample;
}

cgroup::Snapshot node_of(std::vector<Sample> samples) { return {TimePoint{}, std::move(samples)}; }

NodeFacts known_facts() {
  NodeFacts known;
  known.memory = Bytes{1000ULL << 20U};
  return known;
}

std::vector<std::string> written(const Plan& made) {
  std::vector<std::string> out;
  for (const Write& write : made.writes) {
    out.push_back(write.cgroup + " " + write.file + " " + write.new_value);
  }
  return out;
}

std::vector<std::string> left_out(const Plan& made) {
  std::vector<std::string> out;
  for (const Skip& skip : made.skips) {
    out.push_back(skip.cgroup + " " + skip.file + " " + std::string(skip.rule));
  }
  return out;
}

Access owner_here(std::string_view path) {
  if (path == "/system.slice/ssh.service") return {.refusal = "it is protected"};
  return {};
}

TEST(RefusedWrites, NobodyFreezesWhatHoldsSomethingProtected) {
  const auto node =
      node_of({cgroup_at("/"), cgroup_at("/system.slice"), cgroup_at("/system.slice-2"),
               cgroup_at("/system.slice-2/ssh.service"), cgroup_at("/system.slice/ssh.service"),
               cgroup_at("/system.slice/web.service")});
  const auto made = plan(node,
                         {testing::policy_of("p", "[/*, /system.slice/*]",
                                             "cgroup: {freeze: true}\npids: {max: 50}\n")},
                         owner_here);
  EXPECT_THAT(left_out(made),
              ElementsAre("/system.slice cgroup.freeze L41", "/system.slice/ssh.service pids.max ",
                          "/system.slice/ssh.service cgroup.freeze "));
  EXPECT_THAT(made.skips.front().reason, HasSubstr("it holds /system.slice/ssh.service"));
  // A limit there is legal.
  EXPECT_THAT(written(made), ElementsAre("/system.slice pids.max 50", "/system.slice-2 pids.max 50",
                                         "/system.slice-2 cgroup.freeze 1",
                                         "/system.slice/web.service pids.max 50",
                                         "/system.slice/web.service cgroup.freeze 1"));
  // What is frozen may go on.
  auto frozen = cgroup_at("/system.slice");
  frozen.cgroup_freeze = true;
  const auto thawed =
      plan(node_of({cgroup_at("/"), frozen, cgroup_at("/system.slice/ssh.service")}),
           {testing::policy_of("p", "/system.slice", "cgroup: {freeze: false}\n")}, owner_here);
  EXPECT_THAT(written(thawed), ElementsAre("/system.slice cgroup.freeze 0"));
}

TEST(RefusedWrites, ALimitOfWhatHoldsSomethingProtectedIsWrittenWithAWarning) {
  const auto node = node_of({cgroup_at("/"), cgroup_at("/system.slice"),
                             cgroup_at("/system.slice/ssh.service"), cgroup_at("/web.slice")});
  const auto of = [&](const std::string& glob, const std::string& lines) {
    return lint_protected(node, {testing::policy_of("p", glob, lines)}, owner_here);
  };
  const auto found = of("[/web.slice, /system.slice]", "pids: {max: 50}\n");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].rule, "L41");
  EXPECT_EQ(found[0].severity, Severity::warning);
  EXPECT_EQ(found[0].position.text(), "p.yaml:4:31");
  EXPECT_EQ(found[0].message,
            "policy p: pids.max of /system.slice also limits /system.slice/ssh.service, which is "
            "protected");
  EXPECT_THAT(of("/system.slice", "memory: {max: 50% of node}\n"), SizeIs(1));
  EXPECT_THAT(of("/system.slice", "adapt: {memoryHigh: {ceiling: 1GiB}}\n"), SizeIs(1));
  EXPECT_THAT(of("/system.slice", "cpu: {weight: 50}\nmemory: {low: 1MiB}\n"), IsEmpty());
  EXPECT_THAT(of("/web.slice", "pids: {max: 50}\n"), IsEmpty());
  // Nothing of it is written.
  EXPECT_THAT(of("/system.slice/*", "pids: {max: 50}\n"), IsEmpty());
}

TEST(RefusedWrites, MemoryMinThatTakesAllMemory) {
  auto low = cgroup_at("/a");
  low.memory_min = LimitOf<Bytes>(Bytes{500ULL << 20U});
  const auto node = node_of({cgroup_at("/"), low, cgroup_at("/b"), cgroup_at("/b/c")});
  const auto of = [&](const std::string& a, const std::string& b) {
    return plan(node,
                {testing::policy_of("a", "/a", "memory: {min: " + a + "}\n"),
                 testing::policy_of("b", "/b", "memory: {min: " + b + "}\n"),
                 testing::policy_of("c", "/b/c", "memory: {min: 900MiB}\n")},
                {}, known_facts());
  };
  // What is deeper protects no more than what is above it.
  const auto too_much = of("600MiB", "400MiB");
  EXPECT_THAT(left_out(too_much), ElementsAre("/a memory.min L19", "/b memory.min L19"));
  EXPECT_THAT(too_much.skips.front().reason,
              HasSubstr("memory.min of all cgroups would be 1000.0 MiB of 1000.0 MiB"));
  EXPECT_THAT(written(too_much), ElementsAre("/b/c memory.min 943718400"));
  // Less is written all the same, and makes room.
  EXPECT_THAT(left_out(of("400MiB", "600MiB")), ElementsAre("/b memory.min L19"));
  EXPECT_THAT(left_out(of("200MiB", "600MiB")), IsEmpty());
  EXPECT_THAT(left_out(of("500MiB", "400MiB")), IsEmpty());
  // One that is tried out takes nothing from the others.
  const auto tried = plan(node,
                          {testing::policy_of("a", "/a", "mode: plan\nmemory: {min: 800MiB}\n"),
                           testing::policy_of("b", "/b", "memory: {min: 300MiB}\n")},
                          {}, known_facts());
  EXPECT_THAT(left_out(tried), ElementsAre("/a memory.min L19"));
  EXPECT_THAT(written(tried), ElementsAre("/b memory.min 314572800"));
}

TEST(RefusedWrites, CpusThatTheParentDoesNotHave) {
  const auto one = [](const std::string& cpus, std::vector<Sample> node) {
    return plan(node_of(std::move(node)),
                {testing::policy_of("p", "/a/b", "cpuset: {cpus: " + cpus + "}\n")});
  };
  const auto outside =
      one("1-2", {cgroup_at("/"), cgroup_at("/a", "0-1"), cgroup_at("/a/b", "0-1")});
  EXPECT_THAT(left_out(outside), ElementsAre("/a/b cpuset.cpus L34"));
  EXPECT_THAT(outside.skips.front().reason, HasSubstr("1-2 is not within 0-1 of /a"));
  EXPECT_THAT(written(outside), IsEmpty());
  EXPECT_THAT(
      left_out(one("0-1", {cgroup_at("/"), cgroup_at("/a", "0-1"), cgroup_at("/a/b", "0-1")})),
      IsEmpty());
  // A partition of its own has what the parent no longer has.
  for (const auto* state : {"root", "root invalid (Parent is not a partition root)"}) {
    Sample own = cgroup_at("/a/b", "0-1", "0-1");
    auto files = std::make_shared<cgroup::GroupedFiles>(*own.grouped);
    files->cpuset_cpus_partition = state;
    own.grouped = files;
    EXPECT_THAT(left_out(one("0", {cgroup_at("/"), cgroup_at("/a", "2-3"), own})),
                SizeIs(std::string_view(state) == "root" ? 0 : 1));
  }
  // Where nobody knows.
  Sample unknown = cgroup_at("/a");
  unknown.grouped.reset();
  EXPECT_THAT(left_out(one("0-9", {cgroup_at("/"), unknown, cgroup_at("/a/b")})), IsEmpty());
}

TEST(RefusedWrites, CpusAreThoseThatTheParentWillHave) {
  const std::vector<Policy> wide{testing::policy_of("a", "/a", "cpuset: {cpus: 0-3}\n"),
                                 testing::policy_of("c", "/a/b/c", "cpuset: {cpus: 2-3}\n")};
  const auto node = [](const std::string& of_a) {
    return node_of({cgroup_at("/"), cgroup_at("/a", of_a, of_a), cgroup_at("/a/b", of_a),
                    cgroup_at("/a/b/c", of_a)});
  };
  EXPECT_THAT(written(plan(node("0-1"), wide)),
              ElementsAre("/a cpuset.cpus 0-3", "/a/b/c cpuset.cpus 2-3"));
  const std::vector<Policy> narrow{testing::policy_of("a", "/a", "cpuset: {cpus: \"0,2\"}\n"),
                                   testing::policy_of("c", "/a/b/c", "cpuset: {cpus: 2-3}\n")};
  const auto made = plan(node("0-3"), narrow);
  EXPECT_THAT(written(made), ElementsAre("/a cpuset.cpus 0,2"));
  EXPECT_THAT(left_out(made), ElementsAre("/a/b/c cpuset.cpus L34"));
  EXPECT_THAT(made.skips.front().reason, HasSubstr("2-3 is not within 0,2 of /a/b"));
  // What another manager keeps the agent from writing gives nothing.
  const auto kept = plan(node("0-1"), wide, [](std::string_view path) {
    return path == "/a" ? Access{.refusal = "another manager's", .adoptable = true} : Access{};
  });
  EXPECT_THAT(left_out(kept), ElementsAre("/a cpuset.cpus ", "/a/b/c cpuset.cpus L34"));
}

}  // namespace
}  // namespace cgwarden::policy
