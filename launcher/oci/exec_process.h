#pragma once

#include <string>
#include <vector>

#include "launcher/oci/failure.h"
#include "launcher/spec.h"

namespace cgwarden::launcher::oci {

// What `exec` says of its process.
struct ProcessOptions {
  std::string file;  // an OCI process object; the rest is then not looked at but for tty
  bool tty = false;
  std::string user;  // "UID[:GID]"
  std::vector<std::string> additional_gids;
  std::string cwd;
  std::vector<std::string> env;
  std::vector<std::string> capabilities;
  bool no_new_privileges = false;
  std::string selinux_label;
  std::string apparmor_profile;
};

// Turns the spec of a container into that of one more process in it: `process` from the file, or
// the container's own with what the options change; all that belongs to the making of a container
// (mounts, hooks, hostname, devices, sysctl) is dropped.
[[nodiscard]] Outcome<void> use_process(Spec& spec, const ProcessOptions& options,
                                        const std::vector<std::string>& command);

}  // namespace cgwarden::launcher::oci
