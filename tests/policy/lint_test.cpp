// Every rule of lint_rules.h: found where it stands, with its id.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <set>

#include "base/file.h"
#include "cgroup/grouped_files.h"
#include "policy/check_report.h"
#include "policy/lint_rules.h"
#include "policy/node_lint.h"
#include "policy/plan.h"
#include "policy/policy_lint.h"
#include "tests/paths.h"
#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using cgroup::Sample;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::policy_text;
using ::testing::SizeIs;
using ::testing::StartsWith;

struct FileCase {
  const char* rule;
  const char* glob;
  const char* lines;  // from line 5 on
  const char* start;  // of the message
};

constexpr const char* kOurs = "/cgwarden.slice/web.scope/payload";

const std::vector<FileCase>& file_cases() {
  static const std::vector<FileCase> kCases{
      {"L01", kOurs, "cpu: {max: 0.5ms/100ms}\n", "p.yaml:5:12: error: cpu.max cannot be"},
      {"L01", kOurs, "cpu: {max: 50ms/2s}\n", "p.yaml:5:12: error: cpu.max cannot be"},
      {"L02", kOurs, "cpu: {max: 50000}\n", "p.yaml:5:12: error: cpu.max cannot be"},
      {"L02", kOurs, "cpu: {max: 50ms}\n", "p.yaml:5:12: error: cpu.max cannot be"},
      {"L03", kOurs, "cpu: {max: 0.5, burst: 60ms}\n", "p.yaml:5:17: error: cpu.burst of"},
      {"L05", "/system.slice/db.service", "cpu: {burst: 5ms}\n",
       "p.yaml:5:7: warning: cpu.burst on /system.slice/db.service"},
      {"L05", "/system.slice/*", "cpu: {burst: 5ms}\n",
       "p.yaml:5:7: warning: cpu.burst on /system.slice/*"},
      {"L09", "/system.slice/*", "cpu: {max: 5ms/1s}\n",
       "p.yaml:5:7: error: cpu.max below 1 % of a CPU"},
      {"L09", "/system.slice/db.service", "cpu: {max: 0.337}\n",
       "p.yaml:5:7: warning: cpu.max for /system.slice/db.service is no whole percent"},
      {"L09", "/system.slice/db.service", "cpu: {max: 5ms/1s}\n",
       "p.yaml:5:7: error: cpu.max below 1 % of a CPU"},
      {"L10", kOurs, "cpu: {idle: true, weight: 5}\n", "p.yaml:5:19: error: cpu.weight and"},
      {"L11", kOurs, "cpu: {weight: 10001}\n", "p.yaml:5:15: error: cpu.weight cannot be"},
      {"L11", kOurs, "io: {weight: 0}\n", "p.yaml:5:14: error: io.weight cannot be"},
      {"L13", kOurs, "requests: {cpu: 1}\nweightFormula: linear\n",
       "p.yaml:5:12: warning: the linear formula makes cpu.weight 39"},
      {"L14", kOurs, "memory: {high: 2MiB, max: 1MiB}\n", "p.yaml:5:10: warning: memory.high is"},
      {"L15", kOurs, "memory: {high: 2MiB, swap.max: 0}\n",
       "p.yaml:5:10: warning: memory.high without swap"},
      {"L16", kOurs, "memory: {high: 4095}\n", "p.yaml:5:16: error: memory.high cannot be"},
      {"L16", kOurs, "memory: {max: 0}\n", "p.yaml:5:15: error: memory.max cannot be"},
      {"L17", kOurs, "memory: {low: 2MiB, max: 1MiB}\n", "p.yaml:5:10: warning: memory.low is"},
      {"L23", "/cgwarden.slice", "memory: {oom.group: true}\n",
       "p.yaml:5:10: warning: memory.oom.group on /cgwarden.slice"},
      {"L26", kOurs, "watch: {pressure: {io: {some: 1ms, window: 100ms}}}\n",
       "p.yaml:5:44: error: watch.pressure.io.window cannot be"},
      {"L26", kOurs, "watch: {pressure: {io: {some: 3s}}}\n",
       "p.yaml:5:31: error: watch.pressure.io.some cannot be"},
      {"L32", kOurs, "OOMPolicy: kill\n", "p.yaml:5:1: error: OOMPolicy= is a property"},
      {"L34", kOurs, "cpuset: {cpus: 0-9000}\n", "p.yaml:5:16: error: cpuset.cpus cannot be"},
      {"L35", kOurs, "cpuset: {cpus: \"\"}\n", "p.yaml:5:16: error: cpuset.cpus cannot be"},
      {"L37", kOurs, "io: {max: {sda1: {rbps: 5}}}\n",
       "p.yaml:5:12: error: io.max.sda1 is a partition"},
      {"L38", kOurs, "pids: {max: 0}\n", "p.yaml:5:13: error: pids.max cannot be"},
      {"L39", kOurs, "memory: {max: 80%}\n", "p.yaml:5:15: error: memory.max cannot be"},
      {"L39", kOurs, "memory: {max: 80% of RAM}\n", "p.yaml:5:15: error: memory.max cannot be"},
      {"L39", kOurs, "cpu: {max: 50%}\n", "p.yaml:5:12: error: cpu.max cannot be"},
      {"L39", kOurs, "pids: {max: 50%}\n", "p.yaml:5:13: error: pids.max cannot be"},
      {"L40", kOurs, "memory: {max: 100MB}\n", "p.yaml:5:15: error: memory.max cannot be"},
      {"L40", kOurs, "memory: {max: 1.5G}\n", "p.yaml:5:15: error: memory.max cannot be"},
      {"L41", "/**", "pids: {max: 5}\n", "p.yaml:4:18: warning: /** matches /init.scope"},
      {"L41", "/", "pids: {max: 5}\n", "p.yaml:4:18: warning: / matches the root cgroup"},
      {"L42", "/user.slice/user-1000.slice/session-2.scope", "memory: {oom.group: true}\n",
       "p.yaml:5:10: warning: memory.oom.group on /user.slice"},
      {"L42", "/user.slice/user-1001.slice/*", "memory: {oom.group: true}\n",
       "p.yaml:5:10: warning: memory.oom.group on /user.slice/user-1001.slice/*"},
      {"L42", "/user.slice/*/*", "memory: {oom.group: true}\n",
       "p.yaml:5:10: warning: memory.oom.group on /user.slice/*/*"},
      {"L42", "/", "adapt: {kill: {full: 0.6, budget: 1}}\n",
       "p.yaml:5:9: warning: adapt.kill on /"},
      {"L41", "/system.slice", "pids: {max: 50}\n",
       "p.yaml:4:18: warning: /system.slice matches /system.slice, which holds"},
      {"L41", "/*.slice", "memory: {max: 80% of node}\n",
       "p.yaml:4:18: warning: /*.slice matches /system.slice, which holds"},
      {"L41", "/system.slice", "adapt: {cpu: {ceiling: 2}}\n",
       "p.yaml:4:18: warning: /system.slice matches /system.slice, which holds"},
      {"L41", "/system.slice", "cgroup: {freeze: true}\n",
       "p.yaml:4:18: warning: /system.slice matches /system.slice, which holds"},
      {"L42", "/user.slice", "adapt: {stall: {action: kill}}\n",
       "p.yaml:5:9: warning: adapt.stall on /user.slice: its kill takes the session"},
      {"L42", "/system.slice", "adapt: {stall: {action: kill}}\n",
       "p.yaml:5:9: warning: adapt.stall on /system.slice: it is never killed"},
      {"L42", "/batch.slice", "adapt: {stall: {action: kill}}\n",
       "p.yaml:5:9: warning: adapt.stall on /batch.slice: its kill takes every workload"},
      {"L43", kOurs, "cpu: {max: 1}\nadapt: {cpu: {ceiling: 2}}\n",
       "p.yaml:6:9: error: adapt.cpu and a fixed cpu.max"},
      {"L44", kOurs, "adapt: {cpu: {floor: 2, ceiling: 1}}\n",
       "p.yaml:5:9: error: adapt.cpu.floor of 2 cores"},
      {"L42", "/user.slice", "adapt: {kill: {full: 0.6, budget: 1}}\n",
       "p.yaml:5:9: warning: adapt.kill on /user.slice"},
      {"L45", kOurs, "adapt: {kill: {full: 0.6}}\n",
       "p.yaml:5:15: error: adapt.kill has no budget"},
      {"L46", kOurs, "adapt: {kill: {full: 0.6, budget: 1, coolDown: 2s}}\n",
       "p.yaml:5:9: warning: adapt.kill.coolDown of 2.00 s"},
      {"L46", kOurs, "adapt: {kill: {full: 0.05, budget: 1}}\n",
       "p.yaml:5:9: warning: adapt.kill.full of 0.05"},
      {"L46", kOurs, "adapt: {kill: {full: 0.6, budget: 100, budgetTime: 1min}}\n",
       "p.yaml:5:9: warning: adapt.kill.budget of 100 is never used up"},
  };
  return kCases;
}

std::vector<Diagnostic> lint(const std::string& text) {
  auto loaded = load_policies(text, "p.yaml");
  return loaded ? loaded->warnings : loaded.error();
}

std::string with_glob(const FileCase& row) {
  std::string text = policy_text(row.lines);
  return text.replace(text.find("[/a]"), 4, std::string("[\"") + row.glob + "\"]");
}

TEST(LintTest, RulesOfFilesSayLineAndColumn) {
  for (const FileCase& row : file_cases()) {
    std::string start = row.start;
    if (const auto at = start.find("p.yaml:4:18"); at == 0) start.replace(0, 11, "p.yaml:4:19");
    std::vector<std::string> lines;
    for (const Diagnostic& found : lint(with_glob(row))) {
      const std::string text = render(found);
      lines.push_back(text.substr(0, text.find('\n')));
    }
    EXPECT_THAT(lines,
                Contains(AllOf(StartsWith(start), EndsWith(std::string("[") + row.rule + "]"))))
        << row.rule << " " << row.lines;
  }
}

TEST(LintTest, GoodPoliciesAreSilent) {
  EXPECT_THAT(lint(policy_text("cpu: {max: 0.5, burst: 50ms, weight: 10}\n"
                               "memory: {low: 1MiB, high: 50% of parent, max: 80% of node}\n"
                               "cpuset: {cpus: 0-1}\nio: {weight: 5}\nhugetlb: {2MB.max: 4MiB}\n"
                               "cgroup: {freeze: false}\n")),
              IsEmpty());
}

// People give system.slice its share, and guard it, on purpose.
TEST(LintTest, WhatDoesNotLimitAnAncestorOfTheProtectedIsSilent) {
  for (const auto* lines :
       {"cpu: {weight: 200}\nmemory: {min: 64MiB, low: 128MiB}\n", "pids: {max: max}\n",
        "cpu: {max: max}\n", "cgroup: {freeze: false}\n", "adapt: {stall: {action: raise}}\n"}) {
    EXPECT_THAT(lint(with_glob({"", "/system.slice", lines, ""})), IsEmpty()) << lines;
  }
  EXPECT_THAT(lint(with_glob({"", "/batch.slice", "pids: {max: 50}\n", ""})), IsEmpty());
}

// A cgroup with nothing set.
Sample plain(const std::string& path) {
  Sample sample;
  sample.path = path;
  sample.cpu_max = cgroup::CpuMax{Max{}, Usec{100000}};
  sample.cpu_max_burst = Usec{0};
  sample.cpu_weight = 100;
  sample.cpu_idle = false;
  sample.memory_min = sample.memory_low = LimitOf<Bytes>(Bytes{0});
  sample.memory_high = sample.memory_max = sample.memory_swap_max = LimitOf<Bytes>(Max{});
  sample.memory_oom_group = false;
  sample.pids_max = LimitOf<std::uint64_t>(Max{});
  sample.memory_current = Bytes{100U << 20U};
  sample.memory_stat = cgroup::MemoryStat{};
  sample.memory_stat->inactive_file = 20U << 20U;
  sample.pids_current = 4;
  sample.io_weight = cgroup::IoWeight{100, {}};
  sample.controllers = sample.subtree_control = {"cpu", "memory", "pids", "io", "cpuset"};
  auto grouped = std::make_shared<cgroup::GroupedFiles>();
  grouped->cpuset_cpus = cgroup::IdList{"", 0};
  grouped->cpuset_cpus_effective = cgroup::IdList{"0-1", 2};
  if (path == "/") grouped->io_cost_qos.emplace();
  sample.grouped = grouped;
  return sample;
}

NodeFacts facts() {
  return {.cpus = 2,
          .memory = Bytes{1024ULL << 20U},
          .swap = Bytes{512ULL << 20U},
          .pids_max = 4194304,
          .bfq = false,
          .recursive_protection = {}};
}

Policy policy_of(const std::string& name, const std::string& glob, const std::string& lines) {
  std::string text = policy_text(lines);
  text.replace(text.find("name: p"), 7, "name: " + name);
  text.replace(text.find("[/a]"), 4, "[" + glob + "]");
  auto loaded = load_policies(text, name + ".yaml");
  EXPECT_TRUE(loaded) << render(loaded.error());
  return loaded->policies.at(0);
}

struct NodeCase {
  const char* rule;
  const char* glob;
  const char* lines;
  const char* position;
  const char* words;
};

const std::vector<NodeCase>& node_cases() {
  static const std::vector<NodeCase> kCases{
      {"L07", "/a/b", "cpu: {max: 1.5}\n", "p.yaml:5:7", "above the 1 of /a"},
      {"L08", "/c", "cpu: {max: 0.5}\n", "p.yaml:5:7", "4 tasks on 2 CPUs"},
      {"L12", "/a/b", "cpu: {weight: 5}\n", "p.yaml:5:7", "no sibling"},
      {"L15", "/c", "memory: {high: 99MiB}\n", "p.yaml:5:10", "without swap"},
      {"L16", "/c", "memory: {high: 70MiB}\n", "p.yaml:5:10", "below the working set of 80.0 MiB"},
      {"L18", "/a/b", "memory: {low: 50MiB}\n", "p.yaml:5:10", "protects 0 B of 50.0 MiB: /a"},
      {"L19", "/c", "memory: {min: 1000MiB}\n", "p.yaml:5:10", "memory.min of all cgroups"},
      {"L21", "/c", "memory: {high: 60MiB}\n", "p.yaml:5:10", "goes to 60.0 MiB"},
      {"L22", "/c", "memory: {oom.group: false}\n", "p.yaml:5:10", "4 tasks run"},
      {"L23", "/d", "memory: {oom.group: true}\n", "p.yaml:5:10", "2 cgroups are below"},
      {"L24", "/c", "memory: {max: 1GiB}\n", "p.yaml:5:10", "without memory.swap.max"},
      {"L34", "/a/b", "cpuset: {cpus: 1-2}\n", "p.yaml:5:10", "1-2 is not within 0-1 of /a"},
      {"L36", "/c", "io: {weight: 5}\n", "p.yaml:5:6", "has no effect"},
      {"L38", "/c", "pids: {max: 3}\n", "p.yaml:5:8", "below the 4 tasks"},
  };
  return kCases;
}

cgroup::Snapshot node() {
  Sample parent = plain("/a");
  parent.cpu_max = cgroup::CpuMax{Usec{100000}, Usec{100000}};
  return {
      TimePoint{},
      {plain("/"), parent, plain("/a/b"), plain("/c"), plain("/d"), plain("/d/1"), plain("/d/2")}};
}

TEST(LintTest, RulesOfANode) {
  for (const NodeCase& row : node_cases()) {
    NodeFacts known = facts();
    if (std::string_view(row.rule) == "L15") known.swap = Bytes{0};
    const auto found = lint_node(node(), {policy_of("p", row.glob, row.lines)}, known);
    bool seen = false;
    for (const Diagnostic& warning : found) {
      if (warning.rule != row.rule) continue;
      seen = true;
      EXPECT_EQ(warning.position.text(), row.position);
      EXPECT_THAT(warning.message, HasSubstr(row.words));
      const LintRule& rule = *find_lint_rule(row.rule);
      const bool is_error = rule.severity == Severity::error && rule.scope == RuleScope::node;
      EXPECT_EQ(warning.severity, is_error ? Severity::error : Severity::warning) << row.rule;
    }
    EXPECT_TRUE(seen) << row.rule << "\n" << render(found);
  }
}

TEST(LintTest, WithoutFactsANodeIsSilent) {
  Sample bare;
  bare.path = "/c";
  for (const NodeCase& row : node_cases()) {
    EXPECT_THAT(lint_node({TimePoint{}, {bare}}, {policy_of("p", row.glob, row.lines)}, {}),
                IsEmpty())
        << row.rule;
  }
}

TEST(LintTest, TwoPoliciesOfOnePriority) {
  const std::vector<Policy> policies{policy_of("a", "/c", "pids: {max: 50}\n"),
                                     policy_of("b", "/c", "pids: {max: 60}\n")};
  const auto same_glob = find_conflicts(policies);
  ASSERT_THAT(same_glob, SizeIs(1));
  EXPECT_EQ(same_glob[0].rule, "L33");
  EXPECT_EQ(same_glob[0].position.text(), "a.yaml:5:8");
  EXPECT_THAT(same_glob[0].message, HasSubstr("b wins, its name is later"));
  const auto on_node = lint_node(node(), policies, facts());
  ASSERT_THAT(on_node, SizeIs(1));
  EXPECT_EQ(on_node[0].rule, "L33");
  EXPECT_EQ(on_node[0].position.text(), "b.yaml:5:8");
  auto higher = policies;
  higher[0].priority = 1;
  EXPECT_THAT(find_conflicts(higher), IsEmpty());
  EXPECT_THAT(lint_node(node(), higher, facts()), IsEmpty());
}

// Those that plan() itself tells of, as skips and warnings.
TEST(LintTest, RulesOfAPlan) {
  const auto rules_of = [](const Plan& made) {
    std::set<std::string> rules;
    for (const Skip& skip : made.skips) {
      EXPECT_EQ(skip.position.text().substr(0, 9), "p.yaml:5:");
      rules.emplace(skip.rule);
    }
    for (const Diagnostic& warning : made.warnings) rules.insert(warning.rule);
    return rules;
  };
  Sample sample = plain("/c");
  const auto plan_of = [&](const char* lines, std::vector<Sample> samples) {
    return plan({TimePoint{}, std::move(samples)}, {policy_of("p", "/c", lines)});
  };
  sample.cpu_max = cgroup::CpuMax{Usec{90000}, Usec{100000}};
  sample.cpu_max_burst = Usec{80000};
  EXPECT_THAT(rules_of(plan_of("cpu: {max: 0.5}\n", {sample})), Contains("L04"));
  EXPECT_THAT(rules_of(plan_of("memory: {max: 50MiB}\n", {sample})), Contains("L20"));
  EXPECT_THAT(rules_of(plan_of("pids: {max: 5}\n", {plain("/x")})), Contains("L41"));
  EXPECT_THAT(
      rules_of(plan({TimePoint{}, {sample}}, {policy_of("p", "/c", "pids: {max: 5}\n")},
                    [](std::string_view) { return Access{.refusal = "owned", .rule = "L31"}; })),
      Contains("L31"));
  sample.cgroup_type = cgroup::CgroupType::threaded;
  sample.memory_max.reset();
  EXPECT_THAT(rules_of(plan_of("memory: {max: 1GiB}\n", {sample})), Contains("L30"));
}

TEST(LintTest, AControllerThatIsNotPassedOn) {
  Sample parent = plain("/a");
  parent.subtree_control = {"pids"};
  Sample child = plain("/a/b");
  child.memory_max.reset();
  child.cpu_weight.reset();
  const auto rule_of = [&](const char* lines) {
    const auto made =
        plan({TimePoint{}, {plain("/"), parent, child}}, {policy_of("p", "/a/b", lines)});
    return made.skips.empty() ? std::string() : std::string(made.skips.front().rule);
  };
  EXPECT_EQ(rule_of("memory: {max: 1GiB}\n"), "L27");
  parent.cgroup_events = cgroup::CgroupEvents{true, false};
  EXPECT_EQ(rule_of("memory: {max: 1GiB}\n"), "L28");
  EXPECT_EQ(rule_of("cpu: {weight: 5}\n"), "L29");
  child.cgroup_events = cgroup::CgroupEvents{true, false};  // then they may all be the child's
  EXPECT_EQ(rule_of("memory: {max: 1GiB}\n"), "L27");
}

// What is no row of a table above has a test of its own there.
TEST(LintTest, EveryRuleIsTested) {
  std::set<std::string> tested{"L04", "L20", "L27", "L28", "L29", "L30", "L31", "L33"};
  for (const FileCase& row : file_cases()) tested.insert(row.rule);
  for (const NodeCase& row : node_cases()) tested.insert(row.rule);
  std::string number;
  for (const LintRule& rule : lint_rules()) {
    EXPECT_LT(number, rule.id);
    number = rule.id;
    const bool engine = rule.scope == RuleScope::engine;
    EXPECT_NE(tested.contains(std::string(rule.id)), engine) << rule.id;
    EXPECT_FALSE(rule.title.empty() || rule.kernel.empty() || rule.fix.empty());
  }
  EXPECT_EQ(lint_rules().size(), 46U);
  EXPECT_EQ(find_lint_rule("L03")->id, "L03");
  EXPECT_EQ(find_lint_rule("L99"), nullptr);
}

TEST(LintTest, ThePageIsGenerated) {
  const std::string path = in_source("docs/policy-lint.md");
  if (std::getenv("CGWARDEN_REGENERATE") != nullptr) {
    ASSERT_TRUE(write_file_atomically(path, lint_rules_markdown()));
    FAIL() << path << " was written; read the difference and commit it";
  }
  const auto committed = read_file(path, std::size_t{1} << 20U);
  ASSERT_TRUE(committed) << committed.error().sentence();
  EXPECT_EQ(*committed, lint_rules_markdown()) << "CGWARDEN_REGENERATE=1 writes it anew";
}

TEST(LintTest, Json) {
  const auto report = nlohmann::json::parse(
      check_json(1, lint(policy_text("cpu: {max: 0.5, burst: 60ms}\nfoo: \"\\x1b\"\n"))));
  EXPECT_EQ(report["version"], 1);
  EXPECT_EQ(report["errors"], 2);
  EXPECT_EQ(report["warnings"], 0);
  const auto& burst = report["findings"][0];
  EXPECT_EQ(burst["rule"], "L03");
  EXPECT_EQ(burst["severity"], "error");
  EXPECT_EQ(burst["file"], "p.yaml");
  EXPECT_EQ(burst["line"], 5);
  EXPECT_EQ(burst["column"], 17);
  EXPECT_THAT(std::string(burst["kernel"]), HasSubstr("EINVAL"));
  EXPECT_THAT(std::string(burst["fix"]), HasSubstr("cpu.burst"));
  EXPECT_EQ(report["findings"][1]["rule"], "");
  const auto rules = nlohmann::json::parse(lint_rules_json());
  EXPECT_EQ(rules["rules"].size(), lint_rules().size());
  EXPECT_THAT(render_lint_rules(), StartsWith("L01  error    file    a quota below 1 ms"));
}

}  // namespace
}  // namespace cgwarden::policy
