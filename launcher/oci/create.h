#pragma once

#include <string>
#include <vector>

#include "launcher/oci/command_line.h"
#include "launcher/oci/container.h"
#include "launcher/spawn.h"

namespace cgwarden::launcher::oci {

// What `create` and `run` are told.
struct CreateOptions {
  std::string id;
  std::string bundle = ".";
  std::string config;  // instead of the bundle's config.json; relative to the working directory
  std::string console_socket;
  std::string pid_file;
  std::string pidfd_socket;
  unsigned preserve_fds = 0;
  bool no_new_keyring = false;
  bool no_pivot = false;
};

struct CreatedContainer {
  Container container;
  ContainerRecord record;
  Spec spec;
  Spawned spawned;
};

// The bundle's config.json, or the file that stands in for it, with its paths made absolute.
struct Bundle {
  std::string path;  // absolute, no symbolic links
  std::string config_text;
  Spec spec;
  std::vector<std::string> warnings;  // of parse_config
};
[[nodiscard]] Outcome<Bundle> read_bundle(const CreateOptions& options);

// Makes the container up to the point where `start` lets its command through (`gated`), or all the
// way to execve(2). When it fails nothing is left: no process, cgroup, mount, namespace or file.
[[nodiscard]] Outcome<CreatedContainer> create_container(const Global& global,
                                                         const CreateOptions& options, bool gated);
// The same with a bundle that has been read; `console` of a terminal: -1 means through
// options.console_socket.
[[nodiscard]] Outcome<CreatedContainer> create_container(const Global& global,
                                                         const CreateOptions& options, bool gated,
                                                         Bundle bundle, int console);

// A pid as decimal text, replaced by rename(2).
[[nodiscard]] Outcome<void> write_pid_file(const std::string& path, pid_t pid);

}  // namespace cgwarden::launcher::oci
