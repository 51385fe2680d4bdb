#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cgroup/file_group.h"
#include "cgroup/samples.h"

namespace cgwarden::cgroup {

// Reads one control file of the cgroup behind the fd `dir`: the whole text or an error with its
// errno. The seam for tests that make the n-th read fail.
using ReadControlFile = std::function<Result<std::string>(int dir, const std::string& file)>;

// The reading of the product: openat(2) without following symlinks, up to kControlFileBytes.
[[nodiscard]] Result<std::string> read_control_file(int dir, const std::string& file);

// Whether `file` is one of those a Sample has a member for, and of no group or of one of `groups`.
[[nodiscard]] bool is_sampled(std::string_view file, FileGroups groups = FileGroups::all());

// Fills the members of `sample` whose files are in `files` (the names found in the directory; order
// and unknown names do not matter). A file that is gone by now leaves its member absent; one that
// cannot be read or parsed is named in Sample::unreadable. vanished when the cgroup itself went.
// `groups`: what is read beside the files of no group.
[[nodiscard]] Status read_files(int dir, const std::vector<std::string>& files,
                                const ReadControlFile& read, Sample& sample,
                                FileGroups groups = {});

}  // namespace cgwarden::cgroup
