#pragma once

#include <string>
#include <vector>

#include "agent/options.h"

// What is done with the command line before it is parsed.
namespace cgwarden::cli {

// Takes the words after "--" off the command line of a command that gives them to its own command:
// the parser would mix them with its own.
[[nodiscard]] std::vector<std::string> take_after_dashes(std::vector<std::string>& words);

// The default directories of whoever calls; root has those of the system.
void use_own_directories(agent::Options& where);

}  // namespace cgwarden::cli
