#pragma once

#include <functional>
#include <string>
#include <vector>

#include "launcher/container_cgroup.h"
#include "launcher/oci/failure.h"

namespace cgwarden::launcher::oci {

// What stands before the command.
struct Global {
  std::string root;  // state directories
  std::string log;   // file for errors; empty: stderr only
  bool log_json = false;
  bool debug = false;
  bool errors_only = false;
  CgroupDriver cgroup_driver = CgroupDriver::cgroupfs;
};

// One option of a command.
struct Option {
  const char* name;  // without "--"
  char letter = 0;   // 0: no short form
  // Placeholder of the value in --help; nullptr: a flag.
  const char* value = nullptr;
  const char* help = "";
  std::function<Outcome<void>(const std::string& value)> take;
};

// getopt_long(3) over `words`. The words that are no options are returned. `stop_at_first`: what
// follows the first of them is not looked at (the command line of `exec`). Errors have the exit
// code kUsage.
[[nodiscard]] Outcome<std::vector<std::string>> parse_options(const std::string& command,
                                                              const std::vector<std::string>& words,
                                                              const std::vector<Option>& options,
                                                              bool stop_at_first = false);

// Takers for the usual kinds of values.
[[nodiscard]] std::function<Outcome<void>(const std::string&)> into(std::string& to);
[[nodiscard]] std::function<Outcome<void>(const std::string&)> into(bool& to);
[[nodiscard]] std::function<Outcome<void>(const std::string&)> into(unsigned& to);
[[nodiscard]] std::function<Outcome<void>(const std::string&)> into(std::vector<std::string>& to);

// "  --name VALUE   help" lines for --help.
[[nodiscard]] std::string describe(const std::vector<Option>& options);

inline constexpr int kUsage = 2;

}  // namespace cgwarden::launcher::oci
