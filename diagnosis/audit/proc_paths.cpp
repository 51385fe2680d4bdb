#include "diagnosis/audit/proc_paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "diagnosis/audit/mount_path.h"
#include "diagnosis/audit/review.h"

namespace cgwarden::diagnosis::audit {
namespace {

using cgroup::MountLine;

// The mount on which the process writes the kernel's file at `path`; nullptr when it is another
// file system (masked), read-only, or not there.
const MountLine* writable(const Review& review, std::string_view path,
                          std::initializer_list<std::string_view> types) {
  const MountLine* mount = covering_mount(review.posture().mounts->own, path);
  if (mount == nullptr || is_read_only(*mount)) return nullptr;
  if (std::ranges::find(types, mount->fs_type) == types.end()) return nullptr;
  return mount;
}

// procfs that shows processes only has none of these files.
bool has_kernel_files(const MountLine& mount) {
  return std::ranges::find(mount.super_options, "subset=pid") == mount.super_options.end();
}

std::string seen(std::string_view path, const MountLine& mount) {
  return fmt::format("{} is on the {} mount at {}, which is writable", path, mount.fs_type,
                     mount.mount_point);
}

// Files of the host's root do not obey the root of a user namespace of its own, nor another user.
Severity for_root(const Review& review, Severity severity) {
  if (review.own_user_namespace()) return Severity::info;
  return review.host_root() ? severity : Severity::low;
}

void review_writable(Review& review) {
  static constexpr const char* kReadOnly =
      "Mount it read-only, as runtimes do without --privileged (OCI: linux.readonlyPaths).";
  if (const MountLine* mount = writable(review, "/proc/sys", {"proc"});
      mount != nullptr && has_kernel_files(*mount)) {
    review.add(
        {"writable-proc-sys", for_root(review, Severity::critical), seen("/proc/sys", *mount),
         review.file("mountinfo"),
         "Root writes kernel/core_pattern or kernel/modprobe and the kernel runs its program "
         "on the host.",
         kReadOnly});
  }
  if (const MountLine* mount = writable(review, "/proc/sysrq-trigger", {"proc"});
      mount != nullptr && has_kernel_files(*mount)) {
    review.add({"writable-sysrq-trigger", for_root(review, Severity::high),
                seen("/proc/sysrq-trigger", *mount), review.file("mountinfo"),
                "A letter written there reboots or crashes the host, or kills every process.",
                kReadOnly});
  }
  if (const MountLine* mount = writable(review, "/sys", {"sysfs"})) {
    review.add({"writable-sysfs", for_root(review, Severity::high), seen("/sys", *mount),
                review.file("mountinfo"),
                "Root sets kernel/uevent_helper, which the kernel runs on the host, and "
                "reconfigures its devices.",
                "Mount it with option ro."});
  }
}

void review_cgroups(Review& review) {
  // v1 has a mount for each controller; the release agent can be set through any.
  for (const MountLine& mount : review.posture().mounts->own) {
    if (mount.fs_type != "cgroup" || is_read_only(mount)) continue;
    if (covering_mount(review.posture().mounts->own, mount.mount_point) != &mount) continue;
    review.add({"writable-cgroup-v1", for_root(review, Severity::critical),
                seen(mount.mount_point, mount), review.file("mountinfo"),
                "Root sets a release_agent, which the kernel runs on the host (CVE-2022-0492).",
                "Mount it with option ro, or use cgroup v2."});
    break;
  }
  const MountLine* mount = writable(review, "/sys/fs/cgroup", {"cgroup2"});
  if (mount == nullptr) return;
  const bool host_tree = review.posture().shares(NamespaceType::cgroup);
  review.add({"writable-cgroup", for_root(review, host_tree ? Severity::high : Severity::low),
              seen("/sys/fs/cgroup", *mount), review.file("mountinfo"),
              host_tree ? "It may raise its own limits, and freeze or kill every workload of the "
                          "host."
                        : "It may change the limits of the cgroups below its own.",
              "Mount it with option ro, and give it a cgroup namespace."});
}

void review_unmasked(Review& review) {
  const auto& paths = review.posture().sensitive_paths;
  if (!paths) {
    review.not_checked("masked paths", Severity::high, paths.reason());
    return;
  }
  std::string others;
  for (const std::string& path : *paths) {
    const MountLine* mount = covering_mount(review.posture().mounts->own, path);
    if (mount == nullptr || (mount->fs_type != "proc" && mount->fs_type != "sysfs")) continue;
    if (!has_kernel_files(*mount)) continue;
    if (path != "/proc/kcore") {
      others += (others.empty() ? "" : ", ") + path;
      continue;
    }
    review.add({"kcore-visible", for_root(review, Severity::medium),
                fmt::format("/proc/kcore is on the mount at {}", mount->mount_point),
                review.file("mountinfo"),
                "With CAP_SYS_RAWIO it is the memory of the kernel, and of every process.",
                "Mask it (OCI: linux.maskedPaths)."});
  }
  if (others.empty()) return;
  review.add({"paths-unmasked", review.own_user_namespace() ? Severity::info : Severity::low,
              others, review.file("mountinfo"),
              "They tell of the host's hardware, processes and keys.",
              "Mask them (OCI: linux.maskedPaths)."});
}

}  // namespace

void review_proc_paths(Review& review) {
  const Posture& posture = review.posture();
  if (posture.shares(NamespaceType::mnt)) return;  // says it all
  if (!posture.mounts) {
    review.not_checked("/proc and /sys", Severity::critical, posture.mounts.reason());
    return;
  }
  review_writable(review);
  review_cgroups(review);
  review_unmasked(review);
}

}  // namespace cgwarden::diagnosis::audit
