#pragma once

#include <string>
#include <vector>

namespace cgwarden::cli {

// What the real program did with these arguments: no shell, no terminal, an environment of its own.
struct Outcome {
  int exit_code = -1;  // -1: ended by a signal
  std::string out;
  std::string err;
};
[[nodiscard]] Outcome run_program(const std::vector<std::string>& command);
// The cgwarden of this build.
[[nodiscard]] Outcome cgwarden(std::vector<std::string> arguments);

// The words of the "Subcommands:" part of a --help.
[[nodiscard]] std::vector<std::string> subcommands_in(const std::string& help);
// Every option spelled with two dashes in a --help.
[[nodiscard]] std::vector<std::string> long_options_in(const std::string& help);

}  // namespace cgwarden::cli
