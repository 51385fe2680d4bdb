#include "cli/command_words.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "agent/rootless.h"

namespace cgwarden::cli {

std::vector<std::string> take_after_dashes(std::vector<std::string>& words) {
  const auto dashes = std::ranges::find(words, "--");
  const bool takes = std::any_of(words.begin(), dashes, [](const std::string& word) {
    return word == "run" || word == "exec";
  });
  if (!takes || dashes == words.end()) return {};
  std::vector<std::string> after(dashes + 1, words.end());
  words.erase(dashes, words.end());
  return after;
}

void use_own_directories(agent::Options& where) {
  if (::geteuid() == 0) return;
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    // The XDG base directory specification: others are to be ignored.
    return std::string(value == nullptr || *value != '/' ? "" : value);
  };
  agent::use_directories_of_user(where, ::geteuid(), variable("XDG_RUNTIME_DIR"),
                                 variable("XDG_STATE_HOME"), variable("HOME"));
}

}  // namespace cgwarden::cli
