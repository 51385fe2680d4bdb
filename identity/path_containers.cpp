#include "identity/path_containers.h"

#include <algorithm>
#include <array>
#include <string>

#include "identity/unit_name.h"

#include "base/text.h"

namespace cgwarden::identity {
namespace {

struct Shape {
  std::string_view prefix;
  std::string_view suffix;
  std::string_view runtime;
};

// A component with an id in it. systemd driver: docker-ID.scope, cri-containerd-ID.scope,
// crio-ID.scope, libpod-ID.scope; the cgroupfs driver of cri-o and podman: crio-ID, libpod-ID;
// podman's --cgroups=split, which is what a quadlet has: libpod-payload-ID in the service's cgroup.
constexpr std::array kShapes{
    Shape{"docker-", ".scope", "docker"},
    Shape{"cri-containerd-", ".scope", "containerd"},
    Shape{"nerdctl-", ".scope", "containerd"},
    Shape{"crio-", ".scope", "cri-o"},
    Shape{"crio-", "", "cri-o"},
    Shape{"libpod-", ".scope", "podman"},
    Shape{"libpod-", "", "podman"},
    Shape{"libpod-payload-", "", "podman"},
};

// What one component says; a pod, a container, or neither.
struct Part {
  std::string pod_uid = {};
  bool container = false;
  Kind kind = Kind::container;
  std::string runtime = {};
  std::string name = {};
  std::string id = {};
};

// "kubepods-burstable-pod9f3a_1b.slice", also with "kubelet-" before it (kind); the uid's "-" are
// "_" in a slice.
std::string pod_of_slice(std::string_view slice) {
  const std::size_t at = slice.find("kubepods");
  const std::size_t pod = at == std::string_view::npos ? at : slice.find("-pod", at);
  if (pod == std::string_view::npos || !slice.ends_with(".slice")) return {};
  std::string uid(slice.substr(pod + 4, slice.size() - pod - 10));
  std::ranges::replace(uid, '_', '-');
  return uid;
}

// podman: "machine-libpod_pod_ID.slice", "user-libpod_pod_ID.slice"; cgroupfs: libpod_parent/ID.
std::string podman_pod(std::string_view parent, std::string_view component) {
  constexpr std::string_view kMark = "libpod_pod_";
  if (parent == "libpod_parent" && is_container_id(component)) return std::string(component);
  const std::size_t at = component.find(kMark);
  if (at == std::string_view::npos || !component.ends_with(".slice")) return {};
  const auto id = component.substr(at + kMark.size(), component.size() - at - kMark.size() - 6);
  return is_container_id(id) ? std::string(id) : std::string();
}

// libvirt names its machines DRIVER-NUMBER-NAME.
bool as_libvirt(std::string_view machine, Part& part) {
  const std::size_t first = machine.find('-');
  const std::size_t second = first == std::string_view::npos ? first : machine.find('-', first + 1);
  if (second == std::string_view::npos || second + 1 == machine.size()) return false;
  const auto driver = machine.substr(0, first);
  if (driver != "qemu" && driver != "lxc") return false;
  if (!parse_integer<std::uint32_t>(machine.substr(first + 1, second - first - 1))) return false;
  part.kind = driver == "qemu" ? Kind::vm : Kind::machine;
  part.runtime = "libvirt";
  part.name = machine.substr(second + 1);
  return true;
}

void set_machine(std::string_view name, Part& part) {
  part.container = true;
  if (as_libvirt(name, part)) return;
  part.kind = Kind::machine;
  part.runtime = "nspawn";
  part.name = name;
}

// Machines: "machine-NAME.scope" of systemd-machined, "systemd-nspawn@NAME.service",
// "NAME.libvirt-qemu" without systemd, LXC's "lxc.payload.NAME", before LXC 4 "lxc.payload/NAME"
// and "lxc/NAME".
bool as_machine(std::string_view parent, std::string_view component, Part& part) {
  for (const auto& [prefix, suffix] :
       {std::pair{"machine-", ".scope"}, {"systemd-nspawn@", ".service"}}) {
    if (const auto name = between(component, prefix, suffix)) {
      set_machine(unescape_unit(*name), part);
      return true;
    }
  }
  for (const auto* suffix : {".libvirt-qemu", ".libvirt-lxc"}) {
    if (const auto name = between(component, "", suffix)) {
      set_machine(*name, part);
      part.runtime = "libvirt";
      return true;
    }
  }
  auto name = between(component, "lxc.payload.", "");
  if (!name && (parent == "lxc" || parent == "lxc.payload")) name = component;
  if (!name) return false;
  part = {.container = true,
          .kind = Kind::machine,
          .runtime = "lxc",
          .name = std::string(*name),
          .id = {}};
  return true;
}

void set_container(std::string_view runtime, std::string_view id, Part& part) {
  part.container = true;
  part.runtime = runtime;
  part.id = id;
}

// kubelet with the systemd driver over a runtime without it: "POD.slice:cri-containerd:ID" is one
// directory.
bool as_slice_triple(std::string_view component, Part& part) {
  const auto pieces = split(component, ':');
  if (pieces.size() != 3 || pieces[1].empty() || pieces[2].empty()) return false;
  part.pod_uid = pod_of_slice(pieces[0]);
  if (part.pod_uid.empty()) return false;
  const bool crio = pieces[1] == "crio";
  set_container(crio ? "cri-o" : pieces[1] == "docker" ? "docker" : "containerd", pieces[2], part);
  return true;
}

bool as_shape(std::string_view component, Part& part) {
  for (const Shape& shape : kShapes) {
    const auto id = between(component, shape.prefix, shape.suffix);
    if (!id || !is_container_id(*id)) continue;
    set_container(shape.runtime, *id, part);
    return true;
  }
  return false;
}

Part part_of(std::string_view parent, std::string_view component, bool kubernetes) {
  Part part;
  if (as_slice_triple(component, part)) return part;
  part.pod_uid = pod_of_slice(component);
  if (part.pod_uid.empty()) part.pod_uid = podman_pod(parent, component);
  if (part.pod_uid.empty() && kubernetes && !component.ends_with(".slice")) {
    part.pod_uid = between(component, "pod", "").value_or("");
  }
  if (!part.pod_uid.empty()) return part;
  if (as_shape(component, part) || as_machine(parent, component, part)) return part;
  if (is_container_id(component)) {
    // The cgroupfs drivers: /docker/ID, /kubepods/.../podUID/ID (of which runtime, its files say),
    // /NAMESPACE/ID of containerd's ctr; docker's --cgroup-parent looks like that, too.
    set_container(parent == "docker" ? "docker" : kubernetes ? "" : "containerd", component, part);
  }
  return part;
}

// "web" of cgwarden.slice/web.scope, whose workload is in payload.
std::optional<std::string_view> workload_of(std::string_view parent, std::string_view component) {
  return parent == "cgwarden.slice" ? between(component, "", ".scope") : std::nullopt;
}

}  // namespace

bool is_container_id(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

void add_containers(std::span<const std::string_view> components, Identity& identity) {
  bool kubernetes = false;
  bool inside = false;  // of a container
  std::string_view parent;
  for (std::size_t i = 0; i < components.size(); ++i) {
    const auto component = components[i];
    const bool last = i + 1 == components.size();
    kubernetes = kubernetes || component.find("kubepods") != std::string_view::npos;
    Part part;
    if (const auto workload = workload_of(parent, component)) {
      if (last || components[i + 1] != "payload") return;
      part = {.container = true,
              .kind = Kind::workload,
              .runtime = "cgwarden",
              .name = std::string(*workload),
              .id = {}};
      ++i;
    } else {
      part = part_of(parent, component, kubernetes);
    }
    if (part.runtime == "nspawn" && !last && components[i + 1] == "supervisor") return;
    if (!part.pod_uid.empty()) {
      identity.pod_uid = part.pod_uid;
      identity.nested = inside;
      if (last && !part.container) identity.kind = Kind::pod;
    }
    if (part.container) {
      identity.nested = inside;
      inside = true;
      identity.runtime = part.runtime;
      identity.container = part.name;
      identity.container_id = part.id;
      if (i + 1 == components.size()) identity.kind = part.kind;
    }
    parent = components[i];
  }
}

}  // namespace cgwarden::identity
