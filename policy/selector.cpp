#include "policy/selector.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "policy/match.h"
#include "policy/policy.h"

namespace cgwarden::policy {
namespace {

bool fits(const std::vector<std::string>& globs, std::string_view name) {
  if (globs.empty()) return true;
  return !name.empty() && std::ranges::any_of(globs, [&](const std::string& glob) {
    return name_matches(glob, name);
  });
}

// An id is meant by one that gives as much of it as runtimes show; fewer digits begin many ids.
bool fits_id(const std::string& glob, std::string_view id) {
  constexpr std::size_t kShown = 12;
  if (glob == "*") return !id.empty();
  const std::string_view digits =
      std::string_view(glob).substr(0, glob.find_first_not_of("0123456789abcdef"));
  return digits.size() >= kShown && name_matches(glob, id);
}

bool fits_container(const Selector& selector, const CgroupTraits& traits) {
  const bool is_container = !traits.container.empty() || !traits.container_id.empty();
  if (!selector.containers.empty()) {
    return (is_container && fits(selector.containers, traits.container)) ||
           std::ranges::any_of(selector.containers, [&](const std::string& glob) {
             return fits_id(glob, traits.container_id);
           });
  }
  // Of a pod without more the pod itself is meant: its containers are below it.
  return (selector.pods.empty() && selector.namespaces.empty()) || !is_container;
}

bool fits_labels(const Selector& selector, const CgroupTraits& traits) {
  return std::ranges::all_of(selector.labels, [&](const auto& wanted) {
    const auto label = traits.labels.find(wanted.first);
    return label != traits.labels.end() && name_matches(wanted.second, label->second);
  });
}

using Attributes = std::function<std::optional<std::string>(const std::string& name)>;

bool fits_xattrs(const Selector& selector, const Attributes& xattr) {
  return std::ranges::all_of(selector.xattrs, [&](const auto& wanted) {
    const auto value = xattr(wanted.first);
    return value && name_matches(wanted.second, *value);
  });
}

bool matches_globs(const Policy& policy, std::string_view path) {
  if (policy.cgroups.empty()) return !policy.selector.empty();
  return std::ranges::any_of(policy.cgroups,
                             [&](const std::string& glob) { return glob_matches(glob, path); });
}

bool fits(const Selector& selector, const CgroupTraits& traits, const Attributes& xattr) {
  // The attributes last: each is a call of the kernel.
  return fits(selector.units, traits.unit) && fits(selector.workloads, traits.workload) &&
         fits(selector.pods, traits.pod) && fits(selector.namespaces, traits.pod_namespace) &&
         fits_container(selector, traits) && fits_labels(selector, traits) &&
         fits_xattrs(selector, xattr);
}

}  // namespace

bool Selector::empty() const {
  return units.empty() && workloads.empty() && pods.empty() && namespaces.empty() &&
         containers.empty() && labels.empty() && xattrs.empty();
}

bool selects(const Policy& policy, const std::string& path, const CgroupTraits& traits) {
  if (!matches_globs(policy, path)) return false;
  if (policy.selector.empty()) return true;
  return fits(policy.selector, traits, [](const std::string&) { return std::nullopt; });
}

void select_cgroups(std::vector<Policy>& policies, const cgroup::SampleList& samples,
                    const TraitSource& source) {
  std::vector<Policy*> selecting;
  for (Policy& policy : policies) {
    policy.selected.reset();
    if (!policy.selector.empty()) selecting.push_back(&policy);
  }
  if (selecting.empty()) return;
  std::vector<CgroupPaths> found(selecting.size());
  for (const cgroup::Sample& sample : samples) {
    std::optional<CgroupTraits> traits;
    const auto xattr = [&](const std::string& name) {
      return source.xattr ? source.xattr(sample, name) : std::nullopt;
    };
    for (std::size_t i = 0; i < selecting.size(); ++i) {
      if (!matches_globs(*selecting[i], sample.path)) continue;
      if (!traits) traits = source.traits ? source.traits(sample) : CgroupTraits{};
      if (fits(selecting[i]->selector, *traits, xattr)) found[i].insert(sample.path);
    }
  }
  for (std::size_t i = 0; i < selecting.size(); ++i) {
    selecting[i]->selected = std::make_shared<const CgroupPaths>(std::move(found[i]));
  }
}

bool applies_to(const Policy& policy, std::string_view path) {
  if (policy.selector.empty()) return matches_globs(policy, path);
  return policy.selected != nullptr && policy.selected->contains(path);
}

std::string describe(const Selector& selector) {
  std::vector<std::string> parts;
  const auto list = [&](const char* key, const std::vector<std::string>& globs) {
    if (!globs.empty()) parts.push_back(fmt::format("{} {}", key, fmt::join(globs, " or ")));
  };
  list("units", selector.units);
  list("workloads", selector.workloads);
  list("pods", selector.pods);
  list("namespaces", selector.namespaces);
  list("containers", selector.containers);
  for (const auto& [name, glob] : selector.labels) {
    parts.push_back(fmt::format("label {}={}", name, glob));
  }
  for (const auto& [name, glob] : selector.xattrs) {
    parts.push_back(fmt::format("xattr {}={}", name, glob));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string describe_match(const Policy& policy) {
  const std::string globs = fmt::format("{}", fmt::join(policy.cgroups, " or "));
  if (policy.selector.empty()) return globs;
  if (globs.empty()) return describe(policy.selector);
  return fmt::format("{} in {}", describe(policy.selector), globs);
}

}  // namespace cgwarden::policy
