#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "policy/workload.h"

namespace cgwarden::agent {

// What an image says about the process to run in it: "config" of
// application/vnd.oci.image.config.v1+json (OCI image-spec config.md), which docker's own format
// has under the same names.
struct ImageConfig {
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;  // Cmd: the arguments of the entrypoint, or all of it
  std::vector<std::string> env;      // "KEY=VALUE"
  std::string working_dir;
  std::string user;         // "", "UID", "NAME", and either with ":GID" or ":GROUP"
  std::string stop_signal;  // "SIGTERM", "15", or empty
};

// malformed, naming the member, for one that is of a wrong type. Members that are not read here are
// ignored: exposed ports and volumes are the workload's to say, health checks docker's own.
[[nodiscard]] Result<ImageConfig> parse_image_config(const std::string& json,
                                                     const std::string& where);

// Fills in what the workload leaves open. `command` stands for entrypoint and Cmd together, `args`
// for Cmd alone; env is merged, the workload's own values win. invalid when there is no command to
// run at all. The user is left to resolve_image_user (image_user.h).
[[nodiscard]] Status apply_image_config(const ImageConfig& config, policy::Workload& workload);

}  // namespace cgwarden::agent
