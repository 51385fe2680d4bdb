#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cgwarden::cgroup {

// The path relative to the root fd: "a/b" for "/a/b", "." for "/". invalid unless it is absolute
// and without empty, "." or ".." components and NUL bytes.
[[nodiscard]] Result<std::string> relative_path(std::string_view path);

// O_PATH|O_DIRECTORY fd of `relative` (of relative_path) below `root`, no symlink followed and no
// mount point crossed. `where` names it in errors.
[[nodiscard]] Result<UniqueFd> open_beneath(int root, const std::string& relative,
                                            const std::string& where);

// The same on kernels or seccomp profiles without openat2(2): one openat(2) per component.
[[nodiscard]] Result<UniqueFd> open_by_component(int root, const std::string& relative,
                                                 const std::string& where);

// invalid unless `file` is a plain file name: nothing that could lead out of the cgroup.
[[nodiscard]] Status check_file_name(const std::string& file);

// "<root>/a/b/cpu.max": how errors name a control file.
[[nodiscard]] std::string display_path(const std::string& root, std::string_view path,
                                       std::string_view file);

}  // namespace cgwarden::cgroup
