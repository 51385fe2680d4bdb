#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/rlimits.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// Makes root.path and the sources of bind mounts absolute: config.md has them relative to the
// bundle. Once, before everything else that looks at them.
void resolve_in_bundle(Spec& spec, const std::string& bundle);

// Detached mounts for spec.mounts that have to be made by the parent, with the host's privileges:
// with a user namespace its root may not reach the source of a bind, and may never id-map a file
// system of the host. One entry per mount, invalid where the child makes it.
struct MountSources {
  std::vector<UniqueFd> mounts;
  RoomForFiles room;
};
[[nodiscard]] StepResult<MountSources> open_mount_sources(const Spec& spec);

// Carries out spec.mounts in order below the rootfs `root`, fills /dev and makes linux.devices.
// Missing destinations are made; one that lies in procfs is refused but for the files that are
// replaced on purpose (CVE-2019-16884), and proc and sysfs themselves go only onto a real
// directory. `sources` may be nullptr without a user namespace; each is closed once it is attached.
// `enter_network` is called once, before what may belong to a network namespace is mounted (sysfs,
// a bind), at the latest when all is.
[[nodiscard]] Step mount_all(int root, const Spec& spec, MountSources* sources = nullptr,
                             const std::function<Step()>& enter_network = {});

}  // namespace cgwarden::launcher
