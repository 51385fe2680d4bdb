#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cgwarden::identity {

// What a cgroup itself is. A cgroup that somebody made inside one of these is a `group`.
enum class Kind : std::uint8_t {
  group,
  root,
  slice,
  service,
  scope,
  unit,  // another unit of systemd: a mount, a socket, swap
  session,
  pod,
  container,
  sandbox,  // the container that holds a pod's namespaces ("pause", "infra")
  machine,  // LXC, nspawn: a container with an init of its own
  vm,       // libvirt's qemu
  workload,
};
[[nodiscard]] std::string_view to_string(Kind kind);

// Who a cgroup belongs to. An empty text is not known or does not apply. A group inside a unit or a
// container has what that has.
struct Identity {
  Kind kind = Kind::group;
  std::string unit = {};  // "ssh.service": of the system's manager, or of the user's below user@UID
  std::string slice = {};  // the innermost one that holds the unit
  std::string session = {};
  std::string user = {};       // uid in digits; the name once it is known
  std::string runtime = {};    // "docker", "podman", "containerd", "cri-o", "lxc", "nspawn",
                               // "libvirt", "cgwarden"
  std::string container = {};  // its name for people; of a machine and a workload it is in the path
  std::string container_id = {};
  std::string pod = {};
  std::string pod_uid = {};
  std::string pod_namespace = {};
  std::string image = {};
  // The user whose manager or whose files the cgroup comes from. What is below it was named by that
  // user, and only that user's files may say more about it.
  std::optional<std::uint32_t> owner = {};
  // Inside another container: its runtime's files are not this node's.
  bool nested = false;

  bool operator==(const Identity&) const = default;
};

// All that the path of a cgroup ("/system.slice/ssh.service") says, by the rules of systemd
// (src/basic/cgroup-util.c) and the habits of the container runtimes.
[[nodiscard]] Identity of_path(std::string_view path);

// 64 hexadecimal digits: an id of docker, podman, containerd and cri-o.
[[nodiscard]] bool is_container_id(std::string_view text);

}  // namespace cgwarden::identity
