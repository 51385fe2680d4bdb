// The lint rules of what a policy says of cgroups by whose they are, and of two that overlap so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/policy.h"
#include "policy/policy_lint.h"
#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::string text_of(const std::string& name, const std::string& match, const std::string& lines) {
  return "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: " + name + "}\nmatch: " + match +
         "\n" + lines;
}

// Errors and warnings, as `policy check` prints them.
std::string found(const std::string& match, const std::string& lines) {
  const auto loaded = load_policies(text_of("p", match, lines), "p.yaml");
  return render(loaded ? loaded->warnings : loaded.error());
}

std::vector<Diagnostic> conflicts(const std::string& one, const std::string& other,
                                  const std::string& of_one = "pids: {max: 5}\n",
                                  const std::string& of_other = "pids: {max: 6}\n") {
  std::vector<Policy> policies;
  for (const auto& text : {text_of("a", one, of_one), text_of("b", other, of_other)}) {
    auto loaded = load_policies(text, "p.yaml");
    EXPECT_TRUE(loaded) << render(loaded.error());
    if (loaded) policies.push_back(loaded->policies.at(0));
  }
  return find_conflicts(policies);
}

TEST(SelectorLint, UnitsThatMustRun) {
  EXPECT_THAT(found("{units: '*'}", "pids: {max: 5}\n"),
              AllOf(HasSubstr("p.yaml:4:16: warning: * matches init.scope"), HasSubstr("[L41]")));
  EXPECT_THAT(found("{units: [web.service, 'cgw*']}", "pids: {max: 5}\n"),
              HasSubstr("p.yaml:4:30: warning: cgw* matches cgwarden.service"));
  EXPECT_THAT(found("{units: 'web*'}", "pids: {max: 5}\n"), IsEmpty());
  EXPECT_THAT(
      found("{units: system.slice}", "pids: {max: 50}\n"),
      AllOf(HasSubstr("system.slice matches /system.slice, which holds"), HasSubstr("[L41]")));
  EXPECT_THAT(found("{units: system.slice}", "adapt: {stall: {action: kill}}\n"),
              HasSubstr("[L42]"));
  EXPECT_THAT(found("{units: system.slice}", "cpu: {weight: 5}\n"), IsEmpty());
  // What leaves them out.
  EXPECT_THAT(found("{units: '*', cgroups: ['/web.slice/*']}", "pids: {max: 5}\n"), IsEmpty());
  EXPECT_THAT(found("{units: '*', xattrs: {user.tier: gold}}", "pids: {max: 5}\n"), IsEmpty());
  EXPECT_THAT(found("{units: '*'}", ""), Not(HasSubstr("[L41]")));
}

TEST(SelectorLint, AGlobOverPathsBesideASelectorMatchesNothingByItself) {
  EXPECT_THAT(found("{cgroups: ['/**'], xattrs: {user.tier: gold}}", "pids: {max: 5}\n"),
              IsEmpty());
  EXPECT_THAT(found("{cgroups: ['/**']}", "pids: {max: 5}\n"), HasSubstr("[L41]"));
  // Said once, of the name of the unit.
  EXPECT_THAT(
      found("{cgroups: ['/system.slice/*.service'], units: web.service}", "cpu: {max: 0.337}\n"),
      AllOf(HasSubstr("cpu.max for web.service is no whole percent"),
            Not(HasSubstr("/system.slice"))));
}

TEST(SelectorLint, NoCgroupIsAPayloadAndSomethingElse) {
  EXPECT_THAT(found("{workloads: web, units: web.service}", "pids: {max: 5}\n"),
              AllOf(HasSubstr("select no cgroup anywhere"), HasSubstr("[L41]")));
  EXPECT_THAT(found("{workloads: web, labels: {tier: gold}}", "pids: {max: 5}\n"), IsEmpty());
}

TEST(SelectorLint, OneKillTakesTheWholePod) {
  EXPECT_THAT(found("{pods: 'web-*'}", "memory: {oom.group: true}\n"),
              AllOf(HasSubstr("takes every container of the pod"), HasSubstr("[L23]")));
  EXPECT_THAT(found("{pods: 'web-*', containers: '*'}", "memory: {oom.group: true}\n"), IsEmpty());
}

TEST(SelectorLint, NamesThatASessionHas) {
  const std::string kill = "adapt: {kill: {full: 0.6, budget: 1}}\n";
  EXPECT_THAT(found("{units: '*.scope'}", kill),
              AllOf(HasSubstr("adapt.kill on *.scope"), HasSubstr("[L42]")));
  EXPECT_THAT(found("{units: '*.scope'}", "memory: {oom.group: true}\n"), HasSubstr("[L42]"));
  EXPECT_THAT(found("{units: 'app-*.scope'}", kill), IsEmpty());
  // Where no session is.
  EXPECT_THAT(found("{units: '*.scope', cgroups: ['/machine.slice/*']}", kill), IsEmpty());
  EXPECT_THAT(found("{units: '*.scope', xattrs: {user.tier: gold}}", kill), IsEmpty());
  EXPECT_THAT(found("{cgroups: ['/user.slice/user-7.slice/user@7.service/app.slice/*']}",
                    "memory: {oom.group: true}\n"),
              IsEmpty());
}

TEST(SelectorLint, APercentageIsAnotherValueToo) {
  const auto percent = conflicts("{units: a.service}", "{units: a.service}",
                                 "memory: {max: 50% of node}\n", "memory: {max: 1GiB}\n");
  ASSERT_THAT(percent, SizeIs(1));
  EXPECT_EQ(percent[0].rule, "L33");
  EXPECT_THAT(percent[0].message,
              HasSubstr("policy a wants 50% of node and policy b wants 1073741824"));
  EXPECT_THAT(conflicts("{units: a.service}", "{units: a.service}",
                        "memory: {max: 12.5% of node}\n", "memory: {max: 12.50% of node}\n"),
              IsEmpty());
}

TEST(SelectorLint, ALoopWantsAKnobToo) {
  const auto fixed = conflicts("{units: a.service}", "{units: a.service}",
                               "adapt: {cpu: {ceiling: 2}}\n", "cpu: {max: 1}\n");
  ASSERT_THAT(fixed, SizeIs(1));
  EXPECT_EQ(fixed[0].rule, "L33");
  EXPECT_EQ(fixed[0].position.line, 5U);
  EXPECT_THAT(fixed[0].message, HasSubstr("cpu.max of units a.service: policy a wants what "
                                          "adapt.cpu finds and policy b wants 100000 100000"));
  // Once for both knobs of a loop, and also when they are to find the same.
  EXPECT_THAT(conflicts("{units: a.service}", "{units: a.service}", "adapt: {cpu: {ceiling: 2}}\n",
                        "adapt: {cpu: {ceiling: 2}}\n"),
              SizeIs(1));
  EXPECT_THAT(
      conflicts("{units: a.service}", "{units: a.service}",
                "adapt: {memoryHigh: {floor: 64MiB, ceiling: 1GiB}}\n", "memory: {high: 1GiB}\n"),
      SizeIs(1));
}

TEST(SelectorLint, TwoOfOnePriority) {
  const auto same = conflicts("{units: web.service}", "{units: web.service}");
  ASSERT_THAT(same, SizeIs(1));
  EXPECT_EQ(same[0].rule, "L33");
  EXPECT_THAT(same[0].message, HasSubstr("pids.max of units web.service: policy a wants 5"));
  // Each part of a match by itself.
  EXPECT_THAT(conflicts("{units: [web.service, db.service]}", "{units: [db.service, x.service]}"),
              SizeIs(1));
  EXPECT_THAT(conflicts("{pods: [a, b], namespaces: [n, m]}", "{pods: [b], namespaces: [m, x]}"),
              SizeIs(1));
  EXPECT_THAT(conflicts("{pods: [a], namespaces: [n]}", "{pods: [a], namespaces: [m]}"), IsEmpty());
  EXPECT_THAT(conflicts("{units: web.service}", "{cgroups: ['/web.service']}"), IsEmpty());
  // What they want is the same.
  EXPECT_THAT(conflicts("{units: web.service}", "{units: web.service}", "pids: {max: 5}\n",
                        "pids: {max: 5}\n"),
              IsEmpty());
}

}  // namespace
}  // namespace cgwarden::policy
