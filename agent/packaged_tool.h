#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace cgwarden::agent {

struct ToolRequest {
  std::string package;             // Debian's, to be named when the program is missing
  std::vector<std::string> words;  // words[0] is looked up in the usual directories, not in PATH
  int borrowed_fd = -1;            // becomes descriptor 3
  int output_fd = -1;              // gets stdout; -1: it is kept
};

struct ToolResult {
  int status = 0;  // exit status; 128 + N when killed by signal N
  std::string output;
  std::string errors;  // stderr; of both the first megabytes
};

// Where a program of a Debian package is, below `root`; it is not looked up in PATH.
[[nodiscard]] std::optional<std::string> find_tool(const std::string& name,
                                                   const std::string& root = {});

// Runs a program of a Debian package to its end, with stdin from /dev/null and an environment of
// our own. not_supported, naming the package, when it is not installed. Blocks.
[[nodiscard]] Result<ToolResult> run_tool(const ToolRequest& request);

}  // namespace cgwarden::agent
