#include "launcher/namespaces.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace cgwarden::launcher {
namespace {

struct NamespaceRow {
  NamespaceType type;
  const char* name;
  const char* file;
  std::uint64_t flag;
};
constexpr std::array<NamespaceRow, 8> kNamespaces{{
    {NamespaceType::pid, "pid", "pid", CLONE_NEWPID},
    {NamespaceType::network, "network", "net", CLONE_NEWNET},
    {NamespaceType::mount, "mount", "mnt", CLONE_NEWNS},
    {NamespaceType::ipc, "ipc", "ipc", CLONE_NEWIPC},
    {NamespaceType::uts, "uts", "uts", CLONE_NEWUTS},
    {NamespaceType::user, "user", "user", CLONE_NEWUSER},
    {NamespaceType::cgroup, "cgroup", "cgroup", CLONE_NEWCGROUP},
    {NamespaceType::time, "time", "time", CLONE_NEWTIME},
}};

const NamespaceRow& row_of(NamespaceType type) {
  for (const auto& row : kNamespaces) {
    if (row.type == type) return row;
  }
  return kNamespaces.front();
}

const Namespace* find(const Spec& spec, NamespaceType type) {
  for (const auto& entry : spec.namespaces) {
    if (entry.type == type) return &entry;
  }
  return nullptr;
}

std::string name_of(const Namespace& entry) {
  return std::string("the ") + namespace_name(entry.type) + " namespace " + entry.path;
}

StepResult<UniqueFd> open_namespace(const Namespace& entry) {
  UniqueFd fd(::open(entry.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return failed("namespace", name_of(entry) + " cannot be opened");
  return fd;
}

Step enter(int fd, const Namespace& entry) {
  if (::setns(fd, static_cast<int>(clone_flag(entry.type))) != 0) {
    return failed("namespace", name_of(entry) + " cannot be joined");
  }
  return {};
}

Step join_one(const Spec& spec, NamespaceType type) {
  const Namespace* entry = find(spec, type);
  if (entry == nullptr || entry->path.empty()) return {};
  CGW_ASSIGN(const UniqueFd fd, open_namespace(*entry));
  return enter(fd.get(), *entry);
}

}  // namespace

std::uint64_t clone_flag(NamespaceType type) { return row_of(type).flag; }
const char* namespace_name(NamespaceType type) { return row_of(type).name; }
const char* namespace_file(NamespaceType type) { return row_of(type).file; }

std::uint64_t clone_flags(const Spec& spec) {
  std::uint64_t flags = 0;
  for (const auto& entry : spec.namespaces) {
    if (entry.path.empty() && entry.type != NamespaceType::cgroup &&
        entry.type != NamespaceType::time) {
      flags |= clone_flag(entry.type);
    }
  }
  return flags;
}

bool makes_namespace(const Spec& spec, NamespaceType type) {
  const Namespace* entry = find(spec, type);
  return entry != nullptr && entry->path.empty();
}

bool joins_namespace(const Spec& spec, NamespaceType type) {
  const Namespace* entry = find(spec, type);
  return entry != nullptr && !entry->path.empty();
}

StepResult<UniqueFd> open_namespace(const Spec& spec, NamespaceType type) {
  const Namespace* entry = find(spec, type);
  if (entry == nullptr || entry->path.empty()) {
    return refused("namespace",
                   std::string("no ") + namespace_name(type) + " namespace is given by path");
  }
  return open_namespace(*entry);
}

Step join_user_namespace(const Spec& spec) { return join_one(spec, NamespaceType::user); }
Step join_pid_namespace(const Spec& spec) { return join_one(spec, NamespaceType::pid); }

StepResult<std::uint64_t> join_foreign_namespaces(const Spec& spec) {
  std::uint64_t joined = 0;
  for (const auto& entry : spec.namespaces) {
    if (entry.path.empty() || entry.type == NamespaceType::user ||
        entry.type == NamespaceType::mount) {
      continue;
    }
    CGW_ASSIGN(const UniqueFd fd, open_namespace(entry));
    if (const Step entered = enter(fd.get(), entry); entered) {
      joined |= clone_flag(entry.type);
    } else if (entered.error().errno_value != EPERM) {
      return std::unexpected(entered.error());
    }
  }
  return joined;
}

Step join_namespaces(const Spec& spec, std::uint64_t joined) {
  std::vector<std::pair<UniqueFd, const Namespace*>> opened;
  for (const auto& entry : spec.namespaces) {
    if (entry.path.empty() || entry.type == NamespaceType::pid ||
        entry.type == NamespaceType::user || (joined & clone_flag(entry.type)) != 0) {
      continue;
    }
    CGW_ASSIGN(UniqueFd fd, open_namespace(entry));
    opened.emplace_back(std::move(fd), &entry);
  }
  for (const bool mount_now : {false, true}) {
    for (const auto& [fd, entry] : opened) {
      if ((entry->type == NamespaceType::mount) == mount_now) CGW_TRY(enter(fd.get(), *entry));
    }
  }
  return {};
}

Step make_cgroup_namespace(const Spec& spec) {
  if (makes_namespace(spec, NamespaceType::cgroup) && ::unshare(CLONE_NEWCGROUP) != 0) {
    return failed("namespace", "a new cgroup namespace cannot be made");
  }
  return {};
}

Step set_hostname(const Spec& spec) {
  if (spec.hostname.empty() && spec.domainname.empty()) return {};
  if (!spec.has_namespace(NamespaceType::uts)) {
    return refused("hostname",
                   "setting \"" + spec.hostname + spec.domainname + "\" needs a uts namespace");
  }
  if (!spec.hostname.empty() && ::sethostname(spec.hostname.c_str(), spec.hostname.size()) != 0) {
    return failed("hostname", "\"" + spec.hostname + "\"");
  }
  if (!spec.domainname.empty() &&
      ::setdomainname(spec.domainname.c_str(), spec.domainname.size()) != 0) {
    return failed("domainname", "\"" + spec.domainname + "\"");
  }
  return {};
}

Step bring_up_loopback(const Spec& spec) {
  if (!makes_namespace(spec, NamespaceType::network)) return {};
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return failed("network", "no socket to bring up lo");
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) {
    return failed("network", "lo cannot be brought up");
  }
  return {};
}

}  // namespace cgwarden::launcher
