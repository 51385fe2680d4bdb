#pragma once

namespace cgwarden::cli {

// The whole program: parses, runs the command, gives the exit code (exit_code.h).
[[nodiscard]] int run_command_line(int argc, const char* const* argv);

}  // namespace cgwarden::cli
