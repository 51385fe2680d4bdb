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

Step enter_all(const std::vector<OpenNamespace>& opened) {
  for (const auto& [fd, entry] : opened) CGW_TRY(enter(fd.get(), *entry));
  return {};
}

// Those given by path, in the order of kNamespaceTypes.
StepResult<std::vector<OpenNamespace>> open_by_path(const Spec& spec) {
  std::vector<OpenNamespace> opened;
  for (const NamespaceType type : kNamespaceTypes) {
    const Namespace* entry = find(spec, type);
    if (entry == nullptr || entry->path.empty()) continue;
    CGW_ASSIGN(UniqueFd fd, open_namespace(*entry));
    opened.push_back({std::move(fd), entry});
  }
  return opened;
}

// Leaves in `opened` what is not permitted.
Step join_where_permitted(std::vector<OpenNamespace>& opened) {
  std::vector<OpenNamespace> left;
  for (auto& one : opened) {
    if (one.entry->type != NamespaceType::user) {
      const Step entered = enter(one.fd.get(), *one.entry);
      if (entered) continue;
      if (entered.error().errno_value != EPERM) return entered;
    }
    left.push_back(std::move(one));
  }
  opened = std::move(left);
  return {};
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

StepResult<JoinedNamespaces> join_before_birth(const Spec& spec) {
  CGW_ASSIGN(std::vector<OpenNamespace> opened, open_by_path(spec));
  const bool user = spec.has_namespace(NamespaceType::user);
  if (user) CGW_TRY(join_where_permitted(opened));
  const bool new_user = makes_namespace(spec, NamespaceType::user);
  JoinedNamespaces joined;
  for (auto& one : opened) {
    const NamespaceType type = one.entry->type;
    // Nobody can move himself into a pid namespace.
    const bool left_to_child =
        new_user ? type != NamespaceType::pid : !user && type == NamespaceType::cgroup;
    if (left_to_child) {
      joined.left.push_back(std::move(one));
    } else {
      CGW_TRY(enter(one.fd.get(), *one.entry));
    }
  }
  return joined;
}

Step join_namespaces(const Spec& spec, const JoinedNamespaces* joined) {
  if (joined != nullptr) return enter_all(joined->left);
  CGW_ASSIGN(const std::vector<OpenNamespace> opened, open_by_path(spec));
  return enter_all(opened);
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

bool raise_loopback() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return socket.valid() && ::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0;
}

Step bring_up_loopback() {
  if (!raise_loopback()) return failed("network", "lo cannot be brought up");
  return {};
}

}  // namespace cgwarden::launcher
