#include "diagnosis/audit/container_origin.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"

namespace cgwarden::diagnosis::audit {
namespace {

struct Shape {
  std::string_view prefix;
  std::string_view suffix;
  const char* runtime;
  bool hex;  // the name is an id of 64 hex digits
};

// One component of the path. systemd driver: docker-ID.scope, cri-containerd-ID.scope,
// crio-ID.scope, libpod-ID.scope; machined: machine-NAME.scope.
constexpr std::array kShapes{
    Shape{"docker-", ".scope", "docker", true},
    Shape{"cri-containerd-", ".scope", "containerd", true},
    Shape{"nerdctl-", ".scope", "containerd", true},
    Shape{"crio-", ".scope", "cri-o", true},
    Shape{"crio-", "", "cri-o", true},
    Shape{"libpod-", ".scope", "podman", true},
    Shape{"libpod-", "", "podman", true},
    Shape{"lxc.payload.", "", "lxc", false},
    Shape{"machine-", ".scope", "nspawn", false},
    Shape{"systemd-nspawn@", ".service", "nspawn", false},
};

bool is_id(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::optional<ContainerOrigin> by_component(std::string_view component) {
  for (const Shape& shape : kShapes) {
    if (component.size() <= shape.prefix.size() + shape.suffix.size() ||
        !component.starts_with(shape.prefix) || !component.ends_with(shape.suffix)) {
      continue;
    }
    component.remove_suffix(shape.suffix.size());
    const auto name = component.substr(shape.prefix.size());
    if (shape.hex && !is_id(name)) return std::nullopt;
    return ContainerOrigin{shape.runtime, std::string(name)};
  }
  return std::nullopt;
}

// cgroupfs drivers: /docker/ID, /kubepods/.../podUID/ID, /NAMESPACE/ID of containerd's ctr.
std::optional<ContainerOrigin> by_parent(std::string_view parent, std::string_view component,
                                         bool kubernetes) {
  if (parent == "lxc" && !component.empty()) return ContainerOrigin{"lxc", std::string(component)};
  if (!is_id(component)) return std::nullopt;
  if (parent == "docker") return ContainerOrigin{"docker", std::string(component)};
  return ContainerOrigin{kubernetes ? "kubernetes" : "containerd", std::string(component)};
}

}  // namespace

std::optional<ContainerOrigin> container_origin(std::string_view cgroup) {
  const auto components = split(cgroup, '/');
  bool kubernetes = false;
  std::string_view parent;
  std::optional<ContainerOrigin> innermost;
  for (std::size_t i = 0; i < components.size(); ++i) {
    const auto component = components[i];
    kubernetes = kubernetes || component.starts_with("kubepods");
    const auto next = i + 1 < components.size() ? components[i + 1] : std::string_view();
    if (parent == "cgwarden.slice" && component.ends_with(".scope") && component.size() > 6) {
      if (next != "payload") return std::nullopt;
      innermost = {"cgwarden", std::string(component.substr(0, component.size() - 6))};
    } else if (auto found = by_component(component)) {
      if (found->runtime == "nspawn" && next == "supervisor") return std::nullopt;
      innermost = std::move(found);
    } else if (auto child = by_parent(parent, component, kubernetes)) {
      innermost = std::move(child);
    }
    parent = component;
  }
  return innermost;
}

}  // namespace cgwarden::diagnosis::audit
