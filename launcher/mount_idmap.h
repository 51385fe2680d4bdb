#pragma once

#include "launcher/launch_step.h"
#include "launcher/mount_options.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// Makes a detached mount id-mapped (mount_setattr(2) MOUNT_ATTR_IDMAP, Linux 5.12), by the mount's
// own mappings or by the container's: those of the user namespace that it joins by path, else
// uidMappings and gidMappings. Does nothing without the option. Needs CAP_SYS_ADMIN where the file
// system was mounted: in a container with a user namespace this is the parent's work
// (MountSources).
[[nodiscard]] Step map_mount_ids(int detached, const Mount& mount, const MountOptions& options,
                                 const Spec& spec);

}  // namespace cgwarden::launcher
