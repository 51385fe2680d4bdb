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

bool is_domain_only(std::string_view controller) {
  return controller == "memory" || controller == "io" || controller == "hugetlb";
}

bool populated(const Sample& sample) {
  return sample.cgroup_events && sample.cgroup_events->populated.value_or(false);
}

// Processes in the cgroup itself: it is populated, and nothing below it is.
bool has_own_processes(const Sample& cgroup, const cgroup::Snapshot& snapshot) {
  if (cgroup.path == "/" || !populated(cgroup)) return false;
  return std::ranges::none_of(snapshot.samples(), [&](const Sample& other) {
    return cgroup::parent_path(other.path) == cgroup.path && populated(other);
  });
}

// `cut` has the controller and does not give it to its children.
Absence not_passed_on(const Knob& knob, const Sample& sample, const Sample& cut,
                      const cgroup::Snapshot& snapshot) {
  std::string reason =
      fmt::format("controller {} is not enabled for {}: {} has it not in cgroup.subtree_control",
                  knob.controller, sample.path, cut.path);
  if (!has_own_processes(cut, snapshot)) return {std::move(reason), "L27"};
  if (is_domain_only(knob.controller)) {
    reason += ", and has processes: enabling it there fails (EBUSY)";
    return {std::move(reason), "L28"};
  }
  reason += ", and has processes: enabling it there makes it a threaded domain";
  return {std::move(reason), "L29"};
}

bool is_threaded(const Sample& sample) {
  return sample.cgroup_type == cgroup::CgroupType::threaded ||
         sample.cgroup_type == cgroup::CgroupType::domain_invalid;
}

}  // namespace

Absence explain_absence(const Knob& knob, const Sample& sample, const cgroup::Snapshot* snapshot) {
  for (const Sample::Unreadable& file : sample.unreadable) {
    if (file.file == knob.file || file.file == ".") {
      return {fmt::format("its current value cannot be read: {}", file.reason)};
    }
  }
  if (sample.path == "/") return {fmt::format("the root cgroup has no {}", knob.file)};
  const Sample* cut = snapshot == nullptr || knob.controller.empty()
                          ? nullptr
                          : find_cut(sample, knob.controller, *snapshot);
  if (cut != nullptr && lacks(cut->controllers, knob.controller)) {
    return {fmt::format("controller {} is not available: {} has it not in cgroup.controllers",
                        knob.controller, cut->path),
            "L27"};
  }
  if (cut != nullptr) return not_passed_on(knob, sample, *cut, *snapshot);
  if (!knob.controller.empty() && lacks(sample.controllers, knob.controller)) {
    return {fmt::format("controller {} is not available: {} has it not in cgroup.controllers",
                        knob.controller, sample.path),
            "L27"};
  }
  if (is_domain_only(knob.controller) && is_threaded(sample)) {
    return {
        fmt::format("a threaded cgroup has no {} limits of its own (cgroup.type)", knob.controller),
        "L30"};
  }
  if (knob.file == "memory.swap.max") {
    return {"the kernel offers no memory.swap.max here: it runs without swap accounting"};
  }
  if (!knob.group.empty()) {
    return {fmt::format(
        "its current value is not known: the kernel offers no {}, or it is not read yet",
        knob.file)};
  }
  return {fmt::format("the kernel offers no {} here", knob.file)};
}

}  // namespace cgwarden::policy
