#pragma once

#include <string>

#include "cli/top/frame.h"
#include "cli/top/view_state.h"

// Frames for pipes and files.
namespace cgwarden::cli::top {

// One line about the moment, the titles, one line for each row in the order of the state; the name
// is last and whole.
[[nodiscard]] std::string plain_text(const Frame& frame, const State& state, bool live);

// One document in one line (json_output.h). Shares are from 0 to 1, what is missing is null, a
// limit that is none is "max".
[[nodiscard]] std::string frame_json(const Frame& frame, const State& state, bool live);

}  // namespace cgwarden::cli::top
