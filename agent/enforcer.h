#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/drift_watch.h"
#include "agent/node_facts.h"
#include "cgroup/control_file.h"
#include "cgroup/snapshot.h"
#include "cgroup/tree.h"
#include "exporters/self_metrics.h"
#include "policy/plan.h"
#include "policy/policy.h"

namespace cgwarden::agent {

// Brings the kernel to what the policies say, once per tick: plan, compare, write, read back.
// Nothing is written when nothing differs.
class Enforcer {
 public:
  // After a write that changed something.
  using Wrote = std::function<void(const policy::Write& write, const cgroup::WriteReport& report)>;
  // Both must outlive it.
  Enforcer(const cgroup::Tree& tree, exporters::SelfMetrics& metrics, bool systemd_running,
           Wrote wrote = {})
      : tree_(tree),
        metrics_(metrics),
        systemd_running_(systemd_running),
        wrote_(std::move(wrote)) {}

  // Logs each write, and each failure or skip once until it changes.
  void enforce(const cgroup::Snapshot& snapshot, const std::vector<policy::Policy>& policies);

  // The writes of one plan; the first that fails ends it with its error (a workload must not start
  // half-limited).
  [[nodiscard]] Status apply_all(const policy::Plan& plan);

 private:
  // False when the knob is still not as the policy wants it.
  bool apply(const policy::Write& write);
  void count_drift(const policy::Write& write, DriftWatch::Attempt attempt);
  // True the first time this message stands for this knob.
  bool news(const std::string& cgroup, const std::string& file, const std::string& message);

  const cgroup::Tree& tree_;
  exporters::SelfMetrics& metrics_;
  bool systemd_running_;
  policy::NodeFacts facts_ = read_node_facts();  // of the start
  Wrote wrote_;
  DriftWatch drift_;
  std::map<std::pair<std::string, std::string>, std::string> said_;
};

}  // namespace cgwarden::agent
