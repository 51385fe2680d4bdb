#include "launcher/spec.h"

#include <fcntl.h>

#include "base/file.h"
#include "launcher/oci/commands.h"

namespace cgwarden::launcher::oci {
namespace {

// What `spec` of runc and crun names; it is less than engines give by default.
void give_capabilities_of_the_field(Capabilities& sets) {
  const std::vector<std::string> names{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  sets = {
      .bounding = names, .effective = names, .inheritable = {}, .permitted = names, .ambient = {}};
}

// Group 5 is "tty" in every distribution; mesg(1) and write(1) count on it.
void give_terminals_to_group_tty(Spec& spec) {
  for (auto& mount : spec.mounts) {
    if (mount.type == "devpts") mount.options.emplace_back("gid=5");
  }
}

// As root of a user namespace that maps the caller's own ids only.
void make_rootless(Spec& spec) {
  std::erase_if(spec.namespaces,
                [](const Namespace& entry) { return entry.type == NamespaceType::network; });
  spec.namespaces.push_back({NamespaceType::user, {}});
  spec.resources = {};
  spec.uid_mappings = {{.container_id = 0, .host_id = ::geteuid(), .size = 1}};
  spec.gid_mappings = {{.container_id = 0, .host_id = ::getegid(), .size = 1}};
  for (auto& mount : spec.mounts) {
    std::erase_if(mount.options,
                  [](const std::string& option) { return option.starts_with("gid="); });
    if (mount.type != "sysfs") continue;
    mount = {.destination = "/sys",
             .type = "none",
             .source = "/sys",
             .options = {"rbind", "nosuid", "noexec", "nodev", "ro"}};
  }
}

}  // namespace

Outcome<int> spec(const Global& /*global*/, const Words& words) {
  bool help = false;
  bool rootless = false;
  std::string bundle;
  const std::vector<Option> options{
      {"bundle", 'b', "DIR", "write DIR/config.json (default: the working directory)",
       into(bundle)},
      {"rootless", 0, nullptr, "for a user without privileges", into(rootless)},
      {"help", 'h', nullptr, "this text", into(help)}};
  CGW_ASSIGN(const Words positional, parse_options("spec", words, options));
  if (help) return print_help("spec [--rootless] [--bundle DIR]", "Writes a config.json.", options);
  if (!positional.empty()) return refuse("spec takes no container id", kUsage);
  Spec made = default_spec();
  made.process.args = {"sh"};
  made.process.terminal = true;
  made.process.env.emplace_back("TERM=xterm");
  give_capabilities_of_the_field(made.process.capabilities);
  give_terminals_to_group_tty(made);
  made.root_path = "rootfs";
  made.root_readonly = true;
  made.hostname = "cgwarden";
  // What a container may use beside the usual devices is added behind this rule.
  DeviceRule none;
  none.access = "rwm";
  made.resources.devices.push_back(std::move(none));
  if (rootless) make_rootless(made);
  const std::string path = (bundle.empty() ? "" : bundle + "/") + "config.json";
  const auto file = open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!file) {
    if (file.error().errno_value == EEXIST) {
      return refuse(path + " exists already; remove it first");
    }
    return std::unexpected(Failure(file.error()));
  }
  CGW_TRY(write_all(file->get(), to_config(made), path));
  return 0;
}

}  // namespace cgwarden::launcher::oci
