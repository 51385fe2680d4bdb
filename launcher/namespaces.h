#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// The CLONE_NEW* flag of one namespace type.
[[nodiscard]] std::uint64_t clone_flag(NamespaceType type);
// "pid", "network", ...: the names of OCI runtime-spec 1.2 config-linux.md.
[[nodiscard]] const char* namespace_name(NamespaceType type);

// Every type, in the order in which a process can join them: the user namespace gives the right to
// enter the others.
inline constexpr std::array<NamespaceType, 8> kNamespaceTypes{
    NamespaceType::user, NamespaceType::pid,    NamespaceType::network, NamespaceType::ipc,
    NamespaceType::uts,  NamespaceType::cgroup, NamespaceType::time,    NamespaceType::mount};
// "pid", "net", "mnt", ...: the names in /proc/PID/ns (namespaces(7)).
[[nodiscard]] const char* namespace_file(NamespaceType type);

// Flags for clone3(2): every new namespace but two that the child has to make itself. The cgroup
// one is rooted where its maker is, so he must stand in his cgroup; the time one takes offsets only
// as long as nobody is inside.
[[nodiscard]] std::uint64_t clone_flags(const Spec& spec);

// True when the spec makes a new namespace of this type; false when it joins one or has none.
[[nodiscard]] bool makes_namespace(const Spec& spec, NamespaceType type);
// True when the spec gives the namespace by path.
[[nodiscard]] bool joins_namespace(const Spec& spec, NamespaceType type);

// The namespace that the spec gives by path, as a file.
[[nodiscard]] StepResult<UniqueFd> open_namespace(const Spec& spec, NamespaceType type);
// A namespace by path, opened in the caller's view of the file system.
struct OpenNamespace {
  UniqueFd fd;
  const Namespace* entry;
};
// After a process has joined namespaces so that its child is born there: those left to the child,
// in the order of kNamespaceTypes. The cgroup namespace may be one, as clone3(2) makes a child only
// in a cgroup that its maker's shows.
struct JoinedNamespaces {
  std::vector<OpenNamespace> left;
};
// setns(2) into the namespaces given by path, the user namespace first and the mount namespace
// last. With a user namespace the others are tried before it, with the rights of before: one that
// belongs to another user namespace (an engine's, the host's) cannot be joined afterwards. What is
// not permitted then (EPERM) is joined with the rights of the user namespace; where that is a new
// one, by the child.
[[nodiscard]] StepResult<JoinedNamespaces> join_before_birth(const Spec& spec);
// setns(2) into the namespaces given by path that the caller was not born in (nullptr: in none),
// the mount namespace last: all are opened before its view of the file system changes.
[[nodiscard]] Step join_namespaces(const Spec& spec, const JoinedNamespaces* joined);
// unshare(2) of the cgroup namespace when the spec asks for a new one.
[[nodiscard]] Step make_cgroup_namespace(const Spec& spec);

// sethostname(2) and setdomainname(2) when the spec has them.
[[nodiscard]] Step set_hostname(const Spec& spec);
// Brings `lo` up in the caller's network namespace (netdevice(7), IFF_UP).
[[nodiscard]] Step bring_up_loopback();
// The same without malloc(3). False: errno(3).
[[nodiscard]] bool raise_loopback();

}  // namespace cgwarden::launcher
