#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

// Paths of a rootfs that somebody else has filled: every symlink and ".." in them is resolved as if
// the rootfs were "/" (openat2(2) RESOLVE_IN_ROOT), in the kernel, so nothing can be swapped
// between check and use.
namespace cgwarden::launcher {

// O_PATH fd of `path` inside the directory `root`. `extra_flags` are added to O_PATH|O_CLOEXEC.
[[nodiscard]] Result<UniqueFd> open_in_root(int root, const std::string& path, int extra_flags = 0);

// The same, but a symlink anywhere in the path is ELOOP.
[[nodiscard]] Result<UniqueFd> open_in_root_without_symlinks(int root, const std::string& path);

enum class TargetKind { directory, file };

// Opens `path`, making its missing directories (0755) and, for TargetKind::file, an empty last
// component (0644). Where a symbolic link in it leads to nothing inside the root, that is made.
[[nodiscard]] Result<UniqueFd> make_in_root(int root, const std::string& path, TargetKind kind,
                                            bool follow_symlinks = true);

}  // namespace cgwarden::launcher
