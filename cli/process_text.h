#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "diagnosis/audit/posture.h"

// The texts of /proc/PID that an audit reads. Pure.
namespace cgwarden::cli {

struct StatusText {
  diagnosis::audit::ProcessStatus process;
  std::string comm;                   // Name, as the kernel escaped it
  char state = '?';                   // 'Z': it has ended and was not reaped
  bool kernel_thread = false;         // no memory of its own; also a zombie
  std::vector<pid_t> namespace_pids;  // NSpid: the pid in each namespace, this one's first
};

// /proc/PID/status. A kernel without seccomp has no such line and reads as 0 (off).
[[nodiscard]] Result<StatusText> parse_status(std::string_view text, const std::string& where);

// /proc/PID/uid_map; empty when the namespace was not mapped yet.
[[nodiscard]] Result<std::vector<diagnosis::audit::IdRange>> parse_id_map(std::string_view text,
                                                                          const std::string& where);

// /proc/PID/cgroup.
struct CgroupText {
  std::string unified;                      // path in the v2 hierarchy; empty: none
  std::vector<std::string> v1_controllers;  // those that v1 hierarchies have
};
[[nodiscard]] CgroupText parse_process_cgroup(std::string_view text);

}  // namespace cgwarden::cli
