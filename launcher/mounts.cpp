#include "launcher/mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "base/text.h"

namespace cgwarden::launcher {
namespace {

// Messages that the file system left in its context ("e proc: Unknown parameter 'x'"), joined.
std::string context_log(int context) {
  std::string text;
  std::array<char, 512> message{};
  for (int i = 0; i < 8; ++i) {
    const ssize_t count = ::read(context, message.data(), message.size());
    if (count <= 2) break;
    text += text.empty() ? " (" : "; ";
    text += trim(std::string_view(message.data() + 2, static_cast<std::size_t>(count) - 2));
  }
  return text.empty() ? text : text + ")";
}

std::unexpected<LaunchError> context_failed(int context, const std::string& type,
                                            const std::string& what) {
  const int errno_value = errno;
  const std::string log = context_log(context);
  errno = errno_value;
  return failed("mount", type + ": " + what + log);
}

bool configure(int context, const std::string& key, const std::optional<std::string>& value) {
  return ::fsconfig(context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key.c_str(),
                    value ? value->c_str() : nullptr, 0) == 0;
}

Step set_attributes(int mount, const MountOptions& options, const std::string& what) {
  mount_attr attributes{};
  attributes.attr_set = options.attributes_set;
  attributes.attr_clr = options.attributes_clear;
  if (::mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) != 0) {
    return failed("mount", "the options of " + what + " cannot be set");
  }
  if (options.recursive_set == 0 && options.recursive_clear == 0) return {};
  attributes.attr_set = options.recursive_set;
  attributes.attr_clr = options.recursive_clear;
  if (::mount_setattr(mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof(attributes)) !=
      0) {
    return failed("mount", "the recursive options of " + what + " cannot be set");
  }
  return {};
}

Step configure_all(int context, const std::string& type, const MountOptions& options) {
  for (const auto& [key, value] : options.data) {
    if (!configure(context, key, value)) {
      return context_failed(context, type,
                            "the option " + key + (value ? "=" + *value : "") + " is refused");
    }
  }
  return {};
}

}  // namespace

StepResult<UniqueFd> new_mount(const std::string& type, const std::string& source,
                               const MountOptions& options) {
  const UniqueFd context(::fsopen(type.c_str(), FSOPEN_CLOEXEC));
  if (!context.valid()) return failed("mount", type + " is not a file system of this kernel");
  // "source" only where it means something; pseudo file systems show it in mountinfo.
  if (!source.empty() && !configure(context.get(), "source", source)) {
    return context_failed(context.get(), type, "the source " + source + " is refused");
  }
  CGW_TRY(configure_all(context.get(), type, options));
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return context_failed(context.get(), type, "it cannot be made");
  }
  UniqueFd mount(
      ::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(options.all_set())));
  if (!mount.valid()) return context_failed(context.get(), type, "it cannot be mounted");
  return mount;
}

StepResult<UniqueFd> bind_mount(int directory, const std::string& source,
                                const MountOptions& options) {
  if (!options.data.empty()) {
    return refused("mount", "a bind mount has no option " + options.data.front().first);
  }
  const unsigned recursive = options.recursive ? AT_RECURSIVE : 0U;
  UniqueFd mount(::open_tree(
      directory, source.c_str(),
      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive | (source.empty() ? AT_EMPTY_PATH : 0U)));
  if (!mount.valid()) return failed("mount", "the source " + source + " cannot be bound");
  CGW_TRY(set_attributes(mount.get(), options, "the bind of " + source));
  return mount;
}

bool attach(int mount, int target) {
  return ::move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) ==
         0;
}

bool set_propagation(int mount, Propagation propagation) {
  mount_attr attributes{};
  attributes.propagation = propagation.flag;
  return ::mount_setattr(mount, "", AT_EMPTY_PATH | (propagation.recursive ? AT_RECURSIVE : 0U),
                         &attributes, sizeof(attributes)) == 0;
}

Step remount(int target, const Mount& mount, const MountOptions& options) {
  if (!options.data.empty()) {
    const UniqueFd context(::fspick(target, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC));
    if (!context.valid()) {
      return failed("mount", mount.destination + " cannot be mounted again" +
                                 (errno == EINVAL ? "; it is not a mount point" : ""));
    }
    CGW_TRY(configure_all(context.get(), mount.destination, options));
    if (::fsconfig(context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) != 0) {
      return context_failed(context.get(), mount.destination, "it cannot be mounted again");
    }
  }
  return set_attributes(target, options, mount.destination);
}

}  // namespace cgwarden::launcher
