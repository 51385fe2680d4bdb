#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "diagnosis/audit/posture.h"

// Links and directories of a process, through the fd of its directory in /proc.
namespace cgwarden::cli {

// The text of a link ("ns/pid", "cwd").
[[nodiscard]] Result<std::string> read_link_at(int directory, const std::string& name);

// Names in a directory but "." and "..", in no order. More than `max` are an error (invalid).
[[nodiscard]] Result<std::vector<std::string>> list_directory_at(int directory,
                                                                 const std::string& name,
                                                                 std::size_t max);

// Are the two links to one directory? Asks no file server: attributes as they are cached.
[[nodiscard]] Result<bool> same_directory(int one, int other, const std::string& name);

// The working directory and all open directories.
[[nodiscard]] Result<std::vector<diagnosis::audit::DirectoryHandle>> open_directories(int process);

// Block and character devices in /dev as the process sees it; none when it has no /dev.
[[nodiscard]] Result<std::vector<diagnosis::audit::DeviceNode>> device_nodes(int process);

}  // namespace cgwarden::cli
