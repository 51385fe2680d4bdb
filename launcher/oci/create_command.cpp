#include "launcher/oci/commands.h"
#include "launcher/oci/create.h"
#include "launcher/oci/create_options.h"

namespace cgwarden::launcher::oci {

std::vector<Option> create_option_table(CreateOptions& options) {
  return {
      {"bundle", 'b', "DIR", "directory with config.json (default: .)", into(options.bundle)},
      {"config", 'f', "FILE", "instead of the bundle's config.json", into(options.config)},
      {"console-socket", 0, "PATH", "socket that gets the terminal", into(options.console_socket)},
      {"pidfd-socket", 0, "PATH", "socket that gets a pidfd of its first process",
       into(options.pidfd_socket)},
      {"pid-file", 0, "FILE", "write the container's host pid there", into(options.pid_file)},
      {"preserve-fds", 0, "N", "descriptors 3 to 2+N stay open", into(options.preserve_fds)},
      {"no-pivot", 0, nullptr, "chroot, for a host whose root is an initramfs",
       into(options.no_pivot)},
      {"no-new-keyring", 0, nullptr, "keep the caller's session key ring",
       into(options.no_new_keyring)},
      // Callers of runc and crun say it; orphans of a container are its own init's in any case.
      {"no-subreaper", 0, nullptr, "accepted and not needed",
       [](const std::string&) -> Outcome<void> { return {}; }},
  };
}

Outcome<int> create(const Global& global, const Words& words) {
  CreateOptions options;
  bool help = false;
  auto known = create_option_table(options);
  known.push_back({"help", 'h', nullptr, "this text", into(help)});
  CGW_ASSIGN(const Words positional, parse_options("create", words, known));
  if (help) {
    return print_help("create [OPTION...] ID", "Makes a container whose command waits for `start`.",
                      known);
  }
  CGW_ASSIGN(options.id, only_id("create", positional));
  CGW_ASSIGN(const CreatedContainer made, create_container(global, options, true));
  return 0;
}

}  // namespace cgwarden::launcher::oci
