// docs/policy-reference.md must be true: its examples load, and name every key there is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "policy/agent_config.h"
#include "policy/policy.h"
#include "policy/policy_set.h"
#include "policy/workload.h"
#include "tests/paths.h"

namespace cgwarden::policy {
namespace {

std::vector<std::string> yaml_blocks() {
  std::ifstream file(in_source("docs/policy-reference.md"));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  static const std::string kOpen = "\n```yaml\n";
  std::vector<std::string> blocks;
  for (std::size_t at = text.find(kOpen); at != std::string::npos; at = text.find(kOpen, at)) {
    at += kOpen.size();
    const std::size_t end = text.find("\n```", at);
    blocks.push_back(text.substr(at, end + 1 - at));
    at = end;
  }
  return blocks;
}

TEST(ReferenceTest, EveryExampleLoadsWithoutWarning) {
  const auto blocks = yaml_blocks();
  ASSERT_EQ(blocks.size(), 8U);
  std::size_t policies = 0;
  std::size_t workloads = 0;
  PolicyFile drop_in{"web.d/50-more-memory.yaml", "", "web"};
  std::string web;
  for (const std::string& block : blocks) {
    if (block.find("kind: Agent") != std::string::npos) {
      const auto config = load_agent_config(block, "reference");
      ASSERT_TRUE(config) << render(config.error());
      EXPECT_EQ(config->recorder.full_days, 3U);
      EXPECT_TRUE(config->listen && config->discovery.max_fds == 20000 &&
                  !config->web_config.empty());
    } else if (block.find("kind: Workload") != std::string::npos) {
      const auto workload = load_workload(block, "reference");
      ASSERT_TRUE(workload) << render(workload.error());
      ++workloads;
    } else if (block.find("unset:") != std::string::npos) {
      drop_in.yaml = block;
    } else {
      const auto loaded = load_policies(block, "reference");
      if (block.find("name: web}") != std::string::npos ||
          block.find("name: web\n") != std::string::npos) {
        web = block;
      }
      ASSERT_TRUE(loaded) << render(loaded.error());
      EXPECT_EQ(render(loaded->warnings), "");
      policies += loaded->policies.size();
    }
  }
  EXPECT_EQ(policies, 9U);
  const PolicySet changed = load_policy_set({{"reference", web}, drop_in});
  ASSERT_TRUE(changed.errors.empty()) << render(changed.errors);
  EXPECT_EQ(render(changed.warnings), "");
  EXPECT_FALSE(changed.policies.at(0).resources.memory_high);
  EXPECT_EQ(workloads, 3U);
}

TEST(ReferenceTest, TheExamplesSetEveryKnob) {
  for (const std::string& block : yaml_blocks()) {
    if (block.find("kind: Policy") == std::string::npos) continue;
    if (block.find("unset:") != std::string::npos) continue;
    if (block.find("namespaces:") != std::string::npos) {
      const auto selecting = load_policies(block, "reference").value().policies;
      const auto& gold = selecting.at(1).selector;
      const auto& batch = selecting.at(2).selector;
      EXPECT_FALSE(selecting.at(0).selector.containers.empty() || gold.units.empty() ||
                   gold.xattrs.empty() || batch.workloads.empty() || batch.labels.empty());
      continue;
    }
    if (block.find("kind: Template") != std::string::npos) {
      const auto batch = load_policies(block, "reference").value().policies.at(0).resources;
      EXPECT_TRUE(batch.cpuset_cpus && batch.cpuset_mems && batch.io_weight &&
                  batch.hugetlb_max.at(1) && batch.memory_swap_high && batch.memory_zswap_max &&
                  batch.cgroup_freeze && batch.cpu_weight);
      EXPECT_EQ(batch.percentages.size(), 2U);
      continue;
    }
    const auto policies = load_policies(block, "reference").value().policies;
    const Resources& web = policies.at(0).resources;
    EXPECT_TRUE(web.cpu_weight && web.cpu_max && web.cpu_max_burst && web.memory_min &&
                web.memory_low && web.memory_high && web.memory_max && web.memory_swap_max &&
                web.memory_oom_group && web.pids_max);
    EXPECT_TRUE(policies.at(1).resources.cpu_idle);
    EXPECT_EQ(policies.at(2).pressure.size(), 3U);
    const adapt::Settings& loops = policies.at(3).adapt;
    EXPECT_TRUE(loops.cpu && loops.memory_high && loops.stall);
  }
}

}  // namespace
}  // namespace cgwarden::policy
