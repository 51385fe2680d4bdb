#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"

namespace cgwarden {

// A program to start beside this one. It has no signal blocked or ignored, and no descriptor but
// those named here.
struct Program {
  // In place of a descriptor.
  static constexpr int kNull = -1;       // /dev/null
  static constexpr int kInherited = -2;  // what the caller has at that number

  enum class Group { callers, own, own_session };

  std::string path;
  std::vector<std::string> words;  // argv, the program's name first
  std::vector<std::string> environment;
  // Borrowed; number i of the program is descriptors[i].
  std::vector<int> descriptors{kNull, kNull, kNull};
  Group group = Group::callers;
};

// posix_spawn(3). The caller reaps the child. A program that cannot be executed is an error.
[[nodiscard]] Result<pid_t> start_program(const Program& program);

// Raises this process's soft RLIMIT_NOFILE to `wanted` or as far as the hard one allows, and
// returns the one in force. Programs started from then on still get the one of before: who uses
// select(2) breaks with more than 1,024.
[[nodiscard]] std::size_t raise_open_files(std::size_t wanted);

// NAME=VALUE of every environment variable of this process.
[[nodiscard]] std::vector<std::string> own_environment();

// What execve(2) takes: pointers into `words`, a null pointer last. Nobody may write through them.
[[nodiscard]] std::vector<char*> pointers(const std::vector<std::string>& words);

}  // namespace cgwarden
