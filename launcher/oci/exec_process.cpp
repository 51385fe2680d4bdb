#include "launcher/oci/exec_process.h"

#include <algorithm>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "launcher/capabilities.h"

namespace cgwarden::launcher::oci {
namespace {

Outcome<unsigned> id_of(std::string_view text, const char* what) {
  const auto number = parse_integer<unsigned>(text);
  if (!number) return refuse("\"" + printable(text) + "\" is not a " + what);
  return *number;
}

Outcome<void> use_user(User& user, const std::string& text) {
  const std::size_t colon = text.find(':');
  CGW_ASSIGN(user.uid, id_of(std::string_view(text).substr(0, colon), "uid"));
  // As the field does: another user without a named group keeps the group of the container.
  if (colon == std::string::npos) return {};
  CGW_ASSIGN(user.gid, id_of(std::string_view(text).substr(colon + 1), "gid"));
  return {};
}

Outcome<void> add_capability(Capabilities& sets, const std::string& given) {
  const std::string name = given.starts_with("CAP_") ? given : "CAP_" + given;
  if (capability_number(name) < 0) return refuse(printable(given) + " is not a capability");
  // Not inheritable: that goes on to what the command starts (CVE-2022-29162). Where the container
  // has it inheritable it is made ambient too, else a command that is not root would not get it.
  if (std::ranges::find(sets.inheritable, name) != sets.inheritable.end() &&
      std::ranges::find(sets.ambient, name) == sets.ambient.end()) {
    sets.ambient.push_back(name);
  }
  for (auto* set : {&sets.bounding, &sets.effective, &sets.permitted}) {
    if (std::ranges::find(*set, name) == set->end()) set->push_back(name);
  }
  return {};
}

Outcome<void> change(Process& process, const ProcessOptions& options,
                     const std::vector<std::string>& command) {
  process.args = command;
  // A program started later has its own terminal or none.
  process.terminal = options.tty;
  process.env.insert(process.env.end(), options.env.begin(), options.env.end());
  if (!options.cwd.empty()) process.cwd = options.cwd;
  if (!options.user.empty()) CGW_TRY(use_user(process.user, options.user));
  for (const auto& text : options.additional_gids) {
    CGW_ASSIGN(const unsigned gid, id_of(text, "gid"));
    process.user.additional_gids.push_back(gid);
  }
  for (const auto& name : options.capabilities) {
    CGW_TRY(add_capability(process.capabilities, name));
  }
  if (options.no_new_privileges) process.no_new_privileges = true;
  if (!options.selinux_label.empty()) process.selinux_label = options.selinux_label;
  if (!options.apparmor_profile.empty()) process.apparmor_profile = options.apparmor_profile;
  return {};
}

void drop_making(Spec& spec) {
  spec.mounts.clear();
  spec.hooks = {};
  spec.hostname.clear();
  spec.domainname.clear();
  spec.time_offsets.clear();
  spec.devices.clear();
  spec.net_devices.clear();
  spec.sysctl.clear();
  spec.uid_mappings.clear();
  spec.gid_mappings.clear();
  spec.init = false;
}

}  // namespace

Outcome<void> use_process(Spec& spec, const ProcessOptions& options,
                          const std::vector<std::string>& command) {
  drop_making(spec);
  if (options.file.empty()) return change(spec.process, options, command);
  CGW_ASSIGN(const std::string text, read_file(options.file, limits::kStateFileBytes));
  CGW_ASSIGN(spec.process, parse_process(text, options.file));
  if (options.tty) spec.process.terminal = true;
  return {};
}

}  // namespace cgwarden::launcher::oci
