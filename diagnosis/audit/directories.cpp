#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "diagnosis/audit/mount_path.h"
#include "diagnosis/audit/review.h"

namespace cgwarden::diagnosis::audit {

// /proc/PID/mountinfo shows the mounts below the process's root and no other. A directory on a
// mount that is not among them is outside.
void review_directories(Review& review) {
  const Posture& posture = review.posture();
  if (posture.shares(NamespaceType::mnt)) return;
  if (!posture.directories || !posture.mounts) {
    review.not_checked(
        "open directories", Severity::critical,
        posture.directories ? posture.mounts.reason() : posture.directories.reason());
    return;
  }
  if (covering_mount(posture.mounts->own, "/") == nullptr) {
    review.not_checked("open directories", Severity::critical,
                       "its root is not a mount point (chroot), so what is outside cannot be told");
    return;
  }
  std::string seen;
  std::string first;
  for (const DirectoryHandle& handle : *posture.directories) {
    const bool inside = std::ranges::any_of(
        posture.mounts->own, [&](const auto& mount) { return mount.id == handle.mount_id; });
    if (inside) continue;
    if (first.empty()) first = handle.link;
    seen += fmt::format("{}{} is {} on mount {}, which is not in its root",
                        seen.empty() ? "" : "; ", handle.link, handle.path, handle.mount_id);
  }
  if (seen.empty()) return;
  review.add({"directory-outside-root", Severity::critical, seen, review.file(first),
              "A path that begins there leads out of the container (CVE-2024-21626).",
              "Stop it and update the runtime; look at who set its working directory."});
}

}  // namespace cgwarden::diagnosis::audit
