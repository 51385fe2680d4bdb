#include <fmt/format.h>

#include "policy/kubernetes.h"
#include "policy/limit_order.h"
#include "policy/resource_schema.h"

namespace cgwarden::policy {
namespace {

void lint_cpu(const Resources& resources, Findings& findings) {
  if (resources.cpu_idle.value_or(false) && resources.cpu_weight) {
    findings.error(resources.positions.at("cpu.weight"),
                   "cpu.weight and cpu.idle: true exclude each other: with cpu.idle 1 the kernel "
                   "forgets the weight and refuses a new one (EINVAL)",
                   "remove one of them", "L10");
  }
  if (!resources.cpu_max_burst || !resources.cpu_max) return;
  const auto& quota = resources.cpu_max->quota;
  if (is_max(quota)) {
    if (resources.cpu_max_burst->count() > 0) {
      findings.warning(resources.positions.at("cpu.max.burst"),
                       "cpu.burst has no effect while cpu.max is max");
    }
  } else if (*resources.cpu_max_burst > std::get<Usec>(quota)) {
    findings.error(
        resources.positions.at("cpu.max.burst"),
        fmt::format("cpu.burst of {}us is more than the quota of {}us: the kernel refuses it "
                    "(EINVAL)",
                    resources.cpu_max_burst->count(), std::get<Usec>(quota).count()),
        "a burst equal to the quota is the most", "L03");
  }
}

}  // namespace

void lint_resources(const Resources& resources, Findings& findings) {
  lint_kubernetes(resources, findings);
  lint_cpu(resources, findings);
  for (const LimitConflict& conflict :
       find_limit_conflicts({resources.memory_min, resources.memory_low, resources.memory_high,
                             resources.memory_max, resources.memory_swap_max})) {
    findings.warning(resources.positions.at(std::string(conflict.file)), conflict.sentence, "",
                     conflict.rule);
  }
}

}  // namespace cgwarden::policy
