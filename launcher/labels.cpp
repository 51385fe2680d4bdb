#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "launcher/process_attributes.h"
#include "launcher/procfs.h"

namespace cgwarden::launcher {
namespace {

constexpr std::size_t kSmallFileBytes = 64U * 1024U;

std::string text_of(int procfs, const std::string& path) {
  const UniqueFd fd = open_in_procfs(procfs, path, O_RDONLY);
  if (!fd.valid()) return {};
  return read_all(fd.get(), path, kSmallFileBytes).value_or(std::string());
}

// With AppArmor off its attributes are there and refuse to be read (EINVAL).
bool has_apparmor(int procfs) {
  return !text_of(procfs, "thread-self/attr/apparmor/current").empty();
}

// selinuxfs is registered only when SELinux is on.
bool has_selinux(int procfs) {
  return text_of(procfs, "filesystems").find("\tselinuxfs\n") != std::string::npos;
}

// `text` is what the kernel wants to read; `label` what people call it.
Step write_label(int procfs, const std::string& stage, const std::string& file,
                 const std::string& text, const std::string& label) {
  const UniqueFd fd = open_in_procfs(procfs, file, O_WRONLY);
  if (!fd.valid()) return failed(stage, "/proc/" + file + " cannot be opened");
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return failed(stage, "\"" + printable(label) + "\"" +
                             (errno == ENOENT ? " is not loaded in this kernel" : " is refused"));
  }
  return {};
}

}  // namespace

Step set_exec_label(int procfs, const Process& process) {
  const std::string& profile = process.apparmor_profile;
  if (!profile.empty()) {
    if (!has_apparmor(procfs)) {
      return refused("apparmorProfile",
                     "\"" + printable(profile) + "\" is asked for, and this host has no AppArmor");
    }
    CGW_TRY(write_label(procfs, "apparmorProfile", "thread-self/attr/apparmor/exec",
                        "exec " + profile, profile));
  }
  const std::string& label = process.selinux_label;
  if (label.empty()) return {};
  if (!has_selinux(procfs)) {
    return refused("selinuxLabel",
                   "\"" + printable(label) + "\" is asked for, and this host has no SELinux");
  }
  return write_label(procfs, "selinuxLabel", "thread-self/attr/exec", label, label);
}

}  // namespace cgwarden::launcher
