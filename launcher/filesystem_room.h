#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "launcher/state.h"

// What room the file systems of a workload have left: of ENOSPC and EDQUOT the kernel keeps no
// count and writes no line, and a program's own words say "device" of whichever it was.
namespace cgwarden::launcher {

// Keeps the mounts of a process beyond its end, for room_in(); it makes none of them busy. Invalid:
// it is gone, or its mounts are our own.
[[nodiscard]] UniqueFd mount_namespace_of(pid_t pid);

// Words of ENOSPC or EDQUOT, however they are spelt.
[[nodiscard]] bool says_no_room(std::string_view text);

// statfs(2) of the writable local file systems that are mounted there, limits::kFilesystemsTold at
// most, one per file system; those without a size (a tmpfs without a limit) are left out. In a
// child, with half a second at most: empty when it cannot be told.
[[nodiscard]] std::vector<FilesystemRoom> room_in(const UniqueFd& mount_namespace);

// A mount of proc_pid_mountinfo(5) that may be asked.
struct WritableMount {
  std::string device;  // "0:45"
  std::string path;
  std::string type;
};
// nullopt: read-only, of the network or of no store, or not a line of it.
[[nodiscard]] std::optional<WritableMount> parse_writable_mount(std::string_view line);

}  // namespace cgwarden::launcher
