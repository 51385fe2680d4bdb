#include "cgroup/mount.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>

#include "base/file.h"
#include "base/limits.h"
#include "cgroup/format.h"
#include "cgroup/mountinfo.h"

namespace cgwarden::cgroup {
namespace {

// A node with 10,000 containers has about 60,000 mounts of about 200 bytes.
constexpr std::size_t kMountinfoBytes = 32U * 1024U * 1024U;

// The controllers the product lives from, with the name each had in v1. Without io (a kernel with
// CONFIG_BLK_CGROUP off, a container that is not given it) all verdicts and most limits work.
struct Wanted {
  std::string_view name;
  std::string_view v1_name;
  bool required = true;
};
constexpr std::array kWanted{Wanted{"cpu", "cpu"}, Wanted{"memory", "memory"},
                             Wanted{"io", "blkio", false}, Wanted{"pids", "pids"}};

// The super options of a v1 mount mix controllers with rw, xattr, name=systemd, release_agent=...;
// this list is final, v1 gets no new controllers.
constexpr std::array<std::string_view, 14> kV1Controllers{
    "cpuset",  "cpu",        "cpuacct", "blkio", "memory", "devices", "freezer",
    "net_cls", "perf_event", "hugetlb", "pids",  "rdma",   "misc",    "net_prio"};

// What remains visible: a later mount on the same point hides the earlier one.
bool is_hidden(const std::vector<MountLine>& mounts, std::size_t at) {
  return std::any_of(
      mounts.begin() + static_cast<std::ptrdiff_t>(at) + 1, mounts.end(),
      [&](const MountLine& later) { return later.mount_point == mounts[at].mount_point; });
}

const MountLine* choose_cgroup2(const std::vector<MountLine>& mounts) {
  const MountLine* chosen = nullptr;
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    if (mounts[i].fs_type != "cgroup2" || is_hidden(mounts, i)) continue;
    if (mounts[i].mount_point == "/sys/fs/cgroup") return &mounts[i];
    if (chosen == nullptr) chosen = &mounts[i];
  }
  return chosen;
}

// v1 controller -> mount point.
std::map<std::string, std::string> v1_mounts(const std::vector<MountLine>& mounts) {
  std::map<std::string, std::string> found;
  for (const MountLine& mount : mounts) {
    if (mount.fs_type != "cgroup") continue;
    for (const std::string& option : mount.super_options) {
      if (std::find(kV1Controllers.begin(), kV1Controllers.end(), option) != kV1Controllers.end()) {
        found.emplace(option, mount.mount_point);
      }
    }
  }
  return found;
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

// "controller memory is bound to v1 at /sys/fs/cgroup/memory, ..." for each missing one.
std::string name_v1_bindings(const MountReport& report,
                             const std::map<std::string, std::string>& v1) {
  std::vector<std::string> pieces;
  for (const Wanted& wanted : kWanted) {
    if (std::find(report.missing.begin(), report.missing.end(), wanted.name) ==
        report.missing.end()) {
      continue;
    }
    const auto bound = v1.find(std::string(wanted.v1_name));
    if (bound == v1.end()) continue;
    std::string piece = "controller " + std::string(wanted.name) + " is missing because it is ";
    piece += "bound to v1 at " + bound->second;
    if (wanted.name != wanted.v1_name) piece += " (as " + std::string(wanted.v1_name) + ")";
    pieces.push_back(piece);
  }
  return join(pieces, ", ");
}

// The kernel command line that gives a v2-only machine.
std::string boot_advice(const MountReport& report) {
  std::string options = "systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all";
  if (!report.psi) options += " psi=1";
  return "Boot with " + options + ".";
}

std::string explain(const MountReport& report, const std::map<std::string, std::string>& v1) {
  if (report.missing.empty() && !report.cgroup2_mount_point.empty()) return {};
  switch (report.hierarchy) {
    case Hierarchy::none:
      return "No cgroup file system is mounted. Mount it with: mount -t cgroup2 none "
             "/sys/fs/cgroup";
    case Hierarchy::legacy: {
      std::string text = "Only cgroup v1 is mounted";
      const std::string bindings = name_v1_bindings(report, v1);
      if (!bindings.empty()) text += ": " + bindings;
      return text + ". " + boot_advice(report);
    }
    case Hierarchy::hybrid:
    case Hierarchy::unified:
      break;
  }
  std::string text = "The cgroup v2 tree at " + report.cgroup2_mount_point;
  text +=
      report.controllers.empty() ? " has no controllers" : " lacks " + join(report.missing, ", ");
  const std::string bindings = name_v1_bindings(report, v1);
  if (!bindings.empty()) return text + ": " + bindings + ". " + boot_advice(report);
  // No v1 mount holds them: disabled at boot, not built, or withheld by whoever owns this cgroup
  // namespace.
  text += ". Look for cgroup_disable= on the kernel command line; in a container, the missing ";
  return text + "controllers must be enabled in cgroup.subtree_control of the outer cgroup.";
}

}  // namespace

Result<MountReport> interpret_mounts(std::string_view mountinfo, std::string_view controllers,
                                     bool psi) {
  CGW_ASSIGN(const std::vector<MountLine> mounts, parse_mountinfo(mountinfo));
  MountReport report;
  report.psi = psi;
  CGW_ASSIGN(report.controllers, parse_list(controllers, "cgroup.controllers"));
  const auto v1 = v1_mounts(mounts);
  for (const auto& [controller, where] : v1) report.v1_controllers.push_back(controller);
  if (const MountLine* chosen = choose_cgroup2(mounts)) {
    report.hierarchy = v1.empty() ? Hierarchy::unified : Hierarchy::hybrid;
    report.cgroup2_mount_point = chosen->mount_point;
    report.mount_options = chosen->super_options;
  } else {
    // A named v1 hierarchy (name=systemd) has no controller but is a v1 mount all the same.
    const bool any_v1 = std::any_of(mounts.begin(), mounts.end(), [](const MountLine& mount) {
      return mount.fs_type == "cgroup";
    });
    report.hierarchy = any_v1 ? Hierarchy::legacy : Hierarchy::none;
    report.controllers.clear();
  }
  for (const Wanted& wanted : kWanted) {
    if (std::find(report.controllers.begin(), report.controllers.end(), wanted.name) ==
        report.controllers.end()) {
      report.missing.emplace_back(wanted.name);
      report.required_missing = report.required_missing || wanted.required;
    }
  }
  (report.usable() ? report.limitation : report.explanation) = explain(report, v1);
  return report;
}

std::string find_cgroup2_mount(std::string_view mountinfo) {
  const auto mounts = parse_mountinfo(mountinfo);
  if (!mounts) return {};
  const MountLine* chosen = choose_cgroup2(*mounts);
  return chosen == nullptr ? std::string{} : chosen->mount_point;
}

Result<MountReport> detect_mounts() {
  CGW_ASSIGN(const std::string mountinfo, read_file("/proc/self/mountinfo", kMountinfoBytes));
  std::string controllers;
  if (const std::string root = find_cgroup2_mount(mountinfo); !root.empty()) {
    // Unreadable is the same to the caller as empty: nothing can be controlled here.
    auto text = read_file(root + "/cgroup.controllers", limits::kControlFileBytes);
    if (text) controllers = *std::move(text);
  }
  // With psi=0 the file is absent or its open fails with EOPNOTSUPP.
  const bool psi = read_file("/proc/pressure/cpu", limits::kControlFileBytes).has_value();
  return interpret_mounts(mountinfo, controllers, psi);
}

}  // namespace cgwarden::cgroup
