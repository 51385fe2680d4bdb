#pragma once

#include <CLI/CLI.hpp>

namespace cgwarden::cli {

// With this option 2 means that writes are pending: a pipeline must not take a mistyped command for
// that. The parser may have given up before it came to the option.
[[nodiscard]] bool has_detailed_exit_code(int argc, const char* const* argv);

// Says what the parser did not understand, or prints the help it was asked for, and gives the exit
// code.
[[nodiscard]] int wrong_usage(const CLI::App& app, const CLI::ParseError& error,
                              bool detailed_exit_code);

}  // namespace cgwarden::cli
