// What plan() leaves out because it must not, or does not, come out as the policy says: a freeze of
// what holds something protected (L41).
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
using testing::policy_of;
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
  const auto made = plan(
      node, {policy_of("p", "[/*, /system.slice/*]", "cgroup: {freeze: true}\npids: {max: 50}\n")},
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
           {policy_of("p", "/system.slice", "cgroup: {freeze: false}\n")}, owner_here);
  EXPECT_THAT(written(thawed), ElementsAre("/system.slice cgroup.freeze 0"));
}

TEST(RefusedWrites, ALimitOfWhatHoldsSomethingProtectedIsWrittenWithAWarning) {
  const auto node = node_of({cgroup_at("/"), cgroup_at("/system.slice"),
                             cgroup_at("/system.slice/ssh.service"), cgroup_at("/web.slice")});
  const auto of = [&](const std::string& glob, const std::string& lines) {
    return lint_protected(node, {policy_of("p", glob, lines)}, owner_here);
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

}  // namespace
}  // namespace cgwarden::policy
