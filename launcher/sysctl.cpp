#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "launcher/namespaces.h"
#include "launcher/process_attributes.h"
#include "launcher/procfs.h"

namespace cgwarden::launcher {
namespace {

// ipc/ipc_sysctl.c: what an ipc namespace has of its own.
constexpr std::array<std::string_view, 10> kIpcFiles{
    "kernel/msgmax",      "kernel/msgmnb",     "kernel/msgmni", "kernel/sem",
    "kernel/shmall",      "kernel/shmmax",     "kernel/shmmni", "kernel/shm_rmid_forced",
    "kernel/msg_next_id", "kernel/shm_next_id"};

// As sysctl(8) has it: the separator that comes first separates, the other one stands for itself.
// "net.ipv4.conf.eth0/1.forwarding" is the file net/ipv4/conf/eth0.1/forwarding.
std::string file_of(const std::string& name) {
  const std::size_t separator = name.find_first_of("./");
  std::string file = name;
  if (separator == std::string::npos || name[separator] == '/') return file;
  for (char& c : file) {
    if (c == '.') {
      c = '/';
    } else if (c == '/') {
      c = '.';
    }
  }
  return file;
}

bool is_plain(const std::string& file) {
  return std::ranges::none_of(split(file, '/'), [](std::string_view piece) {
    return piece.empty() || piece == "." || piece == "..";
  });
}

std::optional<NamespaceType> namespace_of(const std::string& file) {
  if (file.starts_with("net/")) return NamespaceType::network;
  if (file.starts_with("fs/mqueue/")) return NamespaceType::ipc;
  if (std::ranges::find(kIpcFiles, file) != kIpcFiles.end()) return NamespaceType::ipc;
  if (file == "kernel/domainname" || file == "kernel/hostname") return NamespaceType::uts;
  if (file.starts_with("user/")) return NamespaceType::user;
  return std::nullopt;
}

Step check_name(const std::string& name, const Spec& spec) {
  const std::string file = file_of(name);
  const auto type = is_plain(file) ? namespace_of(file) : std::nullopt;
  if (!type) {
    return refused("sysctl", printable(name) +
                                 " belongs to no namespace; it would change the host, where it "
                                 "has to be set instead");
  }
  if (file == "kernel/hostname") {
    return refused("sysctl", "kernel.hostname is given by \"hostname\"");
  }
  if (file == "kernel/domainname" && !spec.domainname.empty() &&
      spec.sysctl.at(name) != spec.domainname) {
    return refused("sysctl", "kernel.domainname is not what \"domainname\" says");
  }
  if (!spec.has_namespace(*type)) {
    return refused("sysctl", printable(name) + " needs the container's own " +
                                 namespace_name(*type) + " namespace");
  }
  return {};
}

}  // namespace

Step check_sysctls(const Spec& spec) {
  for (const auto& [name, value] : spec.sysctl) {
    CGW_TRY(check_name(name, spec));
    const NamespaceType type = *namespace_of(file_of(name));
    for (const auto& entry : spec.namespaces) {
      if (entry.type != type || entry.path.empty()) continue;
      struct stat joined{};
      struct stat own{};
      const std::string file = std::string("/proc/self/ns/") +
                               (type == NamespaceType::network ? "net" : namespace_name(type));
      if (::stat(entry.path.c_str(), &joined) == 0 && ::stat(file.c_str(), &own) == 0 &&
          joined.st_ino == own.st_ino && joined.st_dev == own.st_dev) {
        return refused("sysctl", printable(name) + " would change the host: " + entry.path +
                                     " is its own " + namespace_name(type) + " namespace");
      }
    }
  }
  return {};
}

Step write_sysctls(int procfs, const Spec& spec) {
  for (const auto& [name, value] : spec.sysctl) {
    CGW_TRY(check_name(name, spec));
    const UniqueFd fd = open_in_procfs(procfs, "sys/" + file_of(name), O_WRONLY);
    if (!fd.valid()) {
      return failed("sysctl", name + (errno == ENOENT ? " is not a sysctl of this kernel"
                                                      : " cannot be opened"));
    }
    if (::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
      return failed("sysctl", name + " refuses \"" + printable(value) + "\"");
    }
  }
  return {};
}

}  // namespace cgwarden::launcher
