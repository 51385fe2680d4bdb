#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/pressure_trigger.h"
#include "policy/adapt/settings.h"
#include "policy/adapted.h"
#include "policy/diagnostic.h"
#include "policy/resources.h"
#include "policy/selector.h"

namespace cgwarden::policy {

enum class Mode {
  enforce,  // writes are made
  plan,     // writes are shown only
};

// What is done about a control file that had the policy's value and was changed by somebody else.
enum class OnDrift {
  repair,  // it is written again
  report,  // it is told of and left alone, until the policy wants another value
};

// One `kind: Policy` document.
struct Policy {
  std::string name;  // metadata.name
  SourcePosition position;
  std::vector<std::string> cgroups;  // match.cgroups: globs over cgroup paths, see match.h
  std::vector<SourcePosition> cgroup_positions;  // of each glob
  Selector selector;                             // the other keys of match
  int priority = 0;  // the higher wins a knob; equal: the later name in byte order
  Mode mode = Mode::enforce;
  OnDrift drift = OnDrift::repair;
  bool allow_oom = false;  // memory.max may be lowered at once, and kill
  bool adopt = false;      // cgroups of another manager than systemd may be written
  // Control files for which systemd has no property may be written into cgroups of its units.
  bool allow_unmanaged_knobs = false;
  Resources resources;
  std::vector<std::string> templates;               // names, the later wins over the earlier
  std::vector<std::string> drop_ins;                // files that changed it, in their order
  std::vector<cgroup::PressureThreshold> pressure;  // watch.pressure: what is told of
  adapt::Settings adapt;                            // loops that find values

  // What `selector` has found at last, of the cgroups that `cgroups` matches; nullptr: nobody has
  // looked. Ask applies_to().
  std::shared_ptr<const CgroupPaths> selected;

  // What its loops want of single cgroups now, over `resources`; nullptr: nothing. Not of the file
  // but of the agent, and shared as a policy is copied for each cgroup.
  std::shared_ptr<const AdaptedValues> adapted;
  // Where that is not known: what a loop finds is some value, and no other policy's below it.
  bool loops_elsewhere = false;
};

// All documents of one YAML text. Any error refuses the whole text: nothing half-loaded. `file`
// names it in diagnostics. Warnings are returned beside the policies.
struct LoadedPolicies {
  std::vector<Policy> policies;
  std::vector<Diagnostic> warnings;
};
[[nodiscard]] std::expected<LoadedPolicies, std::vector<Diagnostic>> load_policies(
    std::string_view yaml, const std::string& file);

// Merges the files' results for one directory: two policies of one name are an error naming both
// places.
[[nodiscard]] std::vector<Diagnostic> check_unique_names(const std::vector<Policy>& policies);

}  // namespace cgwarden::policy
