#include "launcher/namespaces.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace cgwarden::launcher {
namespace {

struct NamespaceRow {
  NamespaceType type;
  const char* name;
  std::uint64_t flag;
};
constexpr std::array<NamespaceRow, 8> kNamespaces{{
    {NamespaceType::pid, "pid", CLONE_NEWPID},
    {NamespaceType::network, "network", CLONE_NEWNET},
    {NamespaceType::mount, "mount", CLONE_NEWNS},
    {NamespaceType::ipc, "ipc", CLONE_NEWIPC},
    {NamespaceType::uts, "uts", CLONE_NEWUTS},
    {NamespaceType::user, "user", CLONE_NEWUSER},
    {NamespaceType::cgroup, "cgroup", CLONE_NEWCGROUP},
    {NamespaceType::time, "time", CLONE_NEWTIME},
}};

const NamespaceRow& row_of(NamespaceType type) {
  for (const auto& row : kNamespaces) {
    if (row.type == type) return row;
  }
  return kNamespaces.front();
}

bool is_new(const Spec& spec, NamespaceType type) {
  for (const auto& entry : spec.namespaces) {
    if (entry.type == type) return entry.path.empty();
  }
  return false;
}

Step join(const std::string& path, NamespaceType type) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const std::string what = std::string("the ") + namespace_name(type) + " namespace " + path;
  if (!fd.valid()) return failed("namespace", what + " cannot be opened");
  if (::setns(fd.get(), static_cast<int>(clone_flag(type))) != 0) {
    return failed("namespace", what + " cannot be joined");
  }
  return {};
}

}  // namespace

std::uint64_t clone_flag(NamespaceType type) { return row_of(type).flag; }
const char* namespace_name(NamespaceType type) { return row_of(type).name; }

std::uint64_t clone_flags(const Spec& spec) {
  std::uint64_t flags = 0;
  for (const auto& entry : spec.namespaces) {
    if (entry.path.empty() && entry.type != NamespaceType::cgroup) flags |= clone_flag(entry.type);
  }
  return flags;
}

Step join_namespaces(const Spec& spec) {
  for (const auto& entry : spec.namespaces) {
    if (entry.path.empty() || entry.type == NamespaceType::pid) continue;
    if (entry.type == NamespaceType::mount || entry.type == NamespaceType::user) {
      return refused("namespace", std::string("joining a ") + namespace_name(entry.type) +
                                      " namespace by path is not supported");
    }
    CGW_TRY(join(entry.path, entry.type));
  }
  return {};
}

Step make_cgroup_namespace(const Spec& spec) {
  if (is_new(spec, NamespaceType::cgroup) && ::unshare(CLONE_NEWCGROUP) != 0) {
    return failed("namespace", "a new cgroup namespace cannot be made");
  }
  return {};
}

StepResult<PidJoin> PidJoin::enter(const Spec& spec) {
  PidJoin result;
  for (const auto& entry : spec.namespaces) {
    if (entry.type != NamespaceType::pid || entry.path.empty()) continue;
    result.own_.reset(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
    if (!result.own_.valid()) return failed("namespace", "/proc/self/ns/pid cannot be opened");
    CGW_TRY(join(entry.path, NamespaceType::pid));
  }
  return result;
}

PidJoin::~PidJoin() {
  if (own_.valid()) (void)::setns(own_.get(), CLONE_NEWPID);
}

Step set_hostname(const Spec& spec) {
  if (spec.hostname.empty()) return {};
  if (!spec.has_namespace(NamespaceType::uts)) {
    return refused("hostname", "setting \"" + spec.hostname + "\" needs a uts namespace");
  }
  if (::sethostname(spec.hostname.c_str(), spec.hostname.size()) != 0) {
    return failed("hostname", "\"" + spec.hostname + "\"");
  }
  return {};
}

Step bring_up_loopback(const Spec& spec) {
  if (!is_new(spec, NamespaceType::network)) return {};
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
