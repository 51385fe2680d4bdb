#include "launcher/masks.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/unique_fd.h"
#include "launcher/dev.h"
#include "launcher/mounts.h"
#include "launcher/path_in_root.h"

namespace cgwarden::launcher {
namespace {

bool is_absent(const Error& error) {
  return error.errno_value == ENOENT || error.errno_value == ENOTDIR;
}

StepResult<UniqueFd> copy_of(int mount) {
  UniqueFd copy(::open_tree(mount, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!copy.valid()) return failed("mask", "the covering mount cannot be copied");
  return copy;
}

// The first directory gets the tmpfs itself, later ones a copy of that mount.
StepResult<UniqueFd> empty_directory(const UniqueFd& first) {
  if (first.valid()) return copy_of(first.get());
  return new_mount("tmpfs", "tmpfs",
                   sort_options({.destination = {},
                                 .type = "tmpfs",
                                 .source = "tmpfs",
                                 .options = {"ro", "nosuid", "nodev", "noexec", "size=0",
                                             "mode=555", "nr_inodes=1"}}));
}

}  // namespace

Step mask_paths(int root, const Spec& spec) {
  UniqueFd null_device;
  UniqueFd first_directory;
  for (auto entry = spec.masked_paths.begin(); entry != spec.masked_paths.end(); ++entry) {
    const std::string& path = *entry;
    // A path that is listed twice is covered once: each mount more is only paid for.
    if (std::find(spec.masked_paths.begin(), entry, path) != entry) continue;
    auto target = open_in_root(root, path);
    if (!target && is_absent(target.error())) continue;
    struct stat status{};
    if (!target || ::fstat(target->get(), &status) != 0) {
      if (!target) errno = target.error().errno_value;
      return failed("mask", path + " cannot be opened");
    }
    UniqueFd cover;
    const bool directory = S_ISDIR(status.st_mode);
    if (directory) {
      CGW_ASSIGN(cover, empty_directory(first_directory));
    } else {
      if (!null_device.valid()) {
        CGW_ASSIGN(null_device, open_null_device());
      }
      CGW_ASSIGN(cover, copy_of(null_device.get()));
    }
    if (!attach(cover.get(), target->get())) return failed("mask", path + " cannot be covered");
    if (directory && !first_directory.valid()) first_directory = std::move(cover);
  }
  return {};
}

Step make_paths_readonly(int root, const Spec& spec) {
  for (const auto& path : spec.readonly_paths) {
    auto target = open_in_root(root, path);
    if (!target && is_absent(target.error())) continue;
    if (!target) {
      errno = target.error().errno_value;
      return failed("readonly", path + " cannot be opened");
    }
    const UniqueFd copy(::open_tree(
        target->get(), "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    if (!copy.valid() ||
        ::mount_setattr(copy.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                        sizeof(attributes)) != 0 ||
        !attach(copy.get(), target->get())) {
      return failed("readonly", path + " cannot be made read-only");
    }
  }
  return {};
}

}  // namespace cgwarden::launcher
