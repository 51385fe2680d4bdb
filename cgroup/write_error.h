#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "cgroup/tree.h"

namespace cgwarden::cgroup {

// Where a write went wrong, seen through the fd of the cgroup it was done to.
struct WriteSite {
  const Tree& tree;
  std::string_view path;
  int cgroup;  // directory fd, borrowed
  const std::string& file;
};

// Why a control file cannot be opened: the cgroup is gone (vanished), its controller is not
// available, or this kernel does not have the file (both not_supported).
[[nodiscard]] Error explain_open_error(const WriteSite& site, const Error& error);

// The kernel answers a refused write with an errno alone. This names the rule that was broken where
// it can be told from the state of the neighbouring files.
[[nodiscard]] Error explain_write_error(const WriteSite& site, std::string_view value,
                                        int errno_value);

}  // namespace cgwarden::cgroup
