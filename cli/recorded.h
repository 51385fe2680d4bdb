#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/options.h"
#include "base/result.h"
#include "diagnosis/recording/recording.h"

namespace cgwarden::cli {

[[nodiscard]] Result<diagnosis::Recording> open_recording(const agent::Options& where);

// What --since and --until say; an empty text is `default_ago` before now, and now. invalid: one of
// them is no time, or nothing lies between them.
[[nodiscard]] Result<diagnosis::TimeRange> parse_range(const std::string& since,
                                                       const std::string& until, Usec default_ago,
                                                       Usec now);

// Names of fields, or the beginnings of some up to a dot ("cpu", "memory.events"); comma between
// them. invalid for one that no field has. Empty for none.
[[nodiscard]] Result<std::vector<std::string>> parse_fields(const std::vector<std::string>& words);

// The lives that `name` means: a cgroup with all that are inside its unit or container has one
// name, and the outermost of them is meant; of a workload its payload.
[[nodiscard]] std::vector<diagnosis::RecordedCgroup> lives_called(
    const std::vector<diagnosis::RecordedCgroup>& all, std::string_view name);

}  // namespace cgwarden::cli
