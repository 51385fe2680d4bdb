#pragma once

#include <CLI/CLI.hpp>

namespace cgwarden::cli {

// Of `policy plan` 2 means that writes are pending: a pipeline must not take a mistyped command for
// that. The parser may have given up before it came to these words.
[[nodiscard]] bool asks_for_plan(int argc, const char* const* argv);

// Says what the parser did not understand, or prints the help it was asked for, and gives the exit
// code.
[[nodiscard]] int wrong_usage(const CLI::App& app, const CLI::ParseError& error, bool two_is_taken);

}  // namespace cgwarden::cli
