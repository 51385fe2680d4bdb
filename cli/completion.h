#pragma once

#include <string>

namespace CLI {
class App;
}  // namespace CLI

namespace cgwarden::cli {

// A completion script for "bash", "zsh" or "fish", made from the tree of commands and options, so
// that it cannot lag behind it. Names of workloads are asked of `cgwarden ps --quiet`.
[[nodiscard]] std::string completion_script(const CLI::App& app, const std::string& shell);

}  // namespace cgwarden::cli
