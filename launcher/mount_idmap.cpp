#include "launcher/mount_idmap.h"

#include <fcntl.h>
#include <sys/mount.h>

#include "launcher/idmap.h"
#include "launcher/namespaces.h"

namespace cgwarden::launcher {

namespace {

// Its own, else those of the container; of a joined user namespace only the kernel knows them.
StepResult<UniqueFd> maps_for(const Mount& mount, const Spec& spec) {
  const bool own = !mount.uid_mappings.empty() || !mount.gid_mappings.empty();
  if (!own && joins_namespace(spec, NamespaceType::user)) {
    return open_namespace(spec, NamespaceType::user);
  }
  const auto& uids = own ? mount.uid_mappings : spec.uid_mappings;
  const auto& gids = own ? mount.gid_mappings : spec.gid_mappings;
  if (uids.empty() || gids.empty()) {
    return refused("mount", mount.destination +
                                " is to be id-mapped, and neither it nor the container has both "
                                "uidMappings and gidMappings");
  }
  return user_namespace_of(uids, gids);
}

}  // namespace

Step map_mount_ids(int detached, const Mount& mount, const MountOptions& options,
                   const Spec& spec) {
  if (options.id_map == IdMap::none) return {};
  CGW_ASSIGN(const UniqueFd map, maps_for(mount, spec));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<std::uint64_t>(map.get());
  const unsigned recursive = options.id_map == IdMap::recursive ? AT_RECURSIVE : 0U;
  if (::mount_setattr(detached, "", AT_EMPTY_PATH | recursive, &attributes, sizeof(attributes)) ==
      0) {
    return {};
  }
  const char* remedy = "";
  if (errno == EINVAL) {
    remedy = "; its file system does not support id-mapped mounts in this kernel";
  } else if (errno == EPERM) {
    remedy = "; it is id-mapped already, or its file system belongs to another user namespace";
  }
  return failed("mount", "the mount of " + mount.source + " on " + mount.destination +
                             " cannot be id-mapped" + remedy);
}

}  // namespace cgwarden::launcher
