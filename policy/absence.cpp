#include "policy/absence.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace cgwarden::policy {
namespace {

using cgroup::Sample;

bool lacks(const std::optional<std::vector<std::string>>& list, std::string_view controller) {
  return list && std::ranges::find(*list, controller) == list->end();
}

// The ancestor nearest to the root that does not have the controller in its subtree_control: the
// kernel lets the others follow only from there.
const Sample* find_cut(const Sample& sample, std::string_view controller,
                       const cgroup::Snapshot& snapshot) {
  const Sample* highest = nullptr;
  for (const Sample* at = snapshot.parent(sample); at != nullptr; at = snapshot.parent(*at)) {
    if (lacks(at->subtree_control, controller)) highest = at;
  }
  return highest;
}

bool is_threaded(const Sample& sample) {
  return sample.cgroup_type == cgroup::CgroupType::threaded ||
         sample.cgroup_type == cgroup::CgroupType::domain_invalid;
}

}  // namespace

std::string explain_absence(const Knob& knob, const Sample& sample,
                            const cgroup::Snapshot* snapshot) {
  for (const Sample::Unreadable& file : sample.unreadable) {
    if (file.file == knob.file || file.file == ".") {
      return fmt::format("its current value cannot be read: {}", file.reason);
    }
  }
  if (sample.path == "/") return fmt::format("the root cgroup has no {}", knob.file);
  const Sample* cut = snapshot == nullptr ? nullptr : find_cut(sample, knob.controller, *snapshot);
  if (cut != nullptr && lacks(cut->controllers, knob.controller)) {
    return fmt::format("controller {} is not available: {} has it not in cgroup.controllers",
                       knob.controller, cut->path);
  }
  if (cut != nullptr) {
    return fmt::format(
        "controller {} is not enabled for {}: {} has it not in cgroup.subtree_control",
        knob.controller, sample.path, cut->path);
  }
  if (lacks(sample.controllers, knob.controller)) {
    return fmt::format("controller {} is not available: {} has it not in cgroup.controllers",
                       knob.controller, sample.path);
  }
  if (knob.controller == "memory" && is_threaded(sample)) {
    return "a threaded cgroup has no memory limits of its own (cgroup.type)";
  }
  if (knob.file == "memory.swap.max") {
    return "the kernel offers no memory.swap.max here: it runs without swap accounting";
  }
  return fmt::format("the kernel offers no {} here", knob.file);
}

}  // namespace cgwarden::policy
