#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/snapshot.h"
#include "policy/diagnostic.h"

// What a policy says of the cgroups it is for, beside globs over their paths: whose they are.
namespace cgwarden::policy {

struct Policy;

// The keys of `match` beside `cgroups`. A cgroup must fit every key that is given, and one glob of
// each. The globs are over a name as a whole (name_matches() of match.h).
struct Selector {
  std::vector<std::string> units;              // a unit's own cgroup
  std::vector<SourcePosition> unit_positions;  // of each
  std::vector<std::string> workloads;          // the payload of a workload
  std::vector<std::string> pods;        // a pod's own cgroup; beside `containers`: those in it
  std::vector<std::string> namespaces;  // of pods, in the same way
  std::vector<std::string> containers;  // a container's own cgroup, by name or id
  std::map<std::string, std::string> labels;  // of workloads: a glob over the value, by name
  std::map<std::string, std::string> xattrs;  // of the cgroup's directory, likewise

  [[nodiscard]] bool empty() const;
};

// Whose one cgroup is. An empty text: it is no such thing, or it is not known.
struct CgroupTraits {
  std::string unit;      // whose own cgroup it is
  std::string workload;  // whose payload it is
  std::string pod;       // of a pod's cgroup and of its containers' ones
  std::string pod_namespace;
  std::string container;  // whose own cgroup it is: name
  std::string container_id;
  std::map<std::string, std::string> labels;  // of its workload
};

// Where the facts come from. `xattr`: nullopt where the cgroup has no such attribute; may be empty.
struct TraitSource {
  std::function<CgroupTraits(const cgroup::Sample& sample)> traits;
  std::function<std::optional<std::string>(const cgroup::Sample& sample, const std::string& name)>
      xattr;
};

// Do the globs and the selector of a policy take in a cgroup of which this is known, and no
// attribute?
[[nodiscard]] bool selects(const Policy& policy, const std::string& path,
                           const CgroupTraits& traits);

using CgroupPaths = std::set<std::string, std::less<>>;

// Finds Policy::selected of all policies that have a selector.
void select_cgroups(std::vector<Policy>& policies, const cgroup::SampleList& samples,
                    const TraitSource& source);

// Is the policy for this cgroup? One of its globs matches, where it has any, and its selector has
// found it, where it has one.
[[nodiscard]] bool applies_to(const Policy& policy, std::string_view path);

// "units web*.service, xattr user.tier=gold": for people.
[[nodiscard]] std::string describe(const Selector& selector);
// The same with the globs over paths: "units web*.service in /system.slice/*", "/a/* or /b".
[[nodiscard]] std::string describe_match(const Policy& policy);

}  // namespace cgwarden::policy
