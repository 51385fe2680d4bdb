#pragma once

#include <cstddef>
#include <string_view>

#include "cgroup/shared_sample.h"

namespace cgwarden::cgroup {

// Takes the text of the tick file at this place of sampled_files() by the scanner of scan.h, and
// changes the sample only when it says something else than before. false when the scanner does not
// take it, and nothing is changed: SampledFile::store decides.
[[nodiscard]] bool take_scanned(std::size_t file, std::string_view text, SharedSample& sample);

}  // namespace cgwarden::cgroup
