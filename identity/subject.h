#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "identity/identity.h"

namespace cgwarden::identity {

// What keeps its name over many cgroups: a systemd unit, or a container by name. Counters that
// outlive cgroups are kept for it. (Workloads have their own.)
struct Subject {
  enum class Kind : std::uint8_t { unit, container };
  Kind kind = Kind::unit;
  std::string name;                         // "ssh.service"; the container's name
  std::optional<std::uint32_t> owner = {};  // below whose manager; of the system: none
  std::string runtime = {};                 // of a container without Kubernetes
  std::string pod_namespace = {};
  std::string pod = {};
  auto operator<=>(const Subject&) const = default;
};

// nullopt: the cgroup is none (a group inside one, a slice, a pod), is a workload, or has a name
// made for one use: run-*.scope, sessions, applications of a desktop, a container's own monitor, a
// sandbox, a container whose name is not known (yet).
[[nodiscard]] std::optional<Subject> subject_of(const Identity& identity);

// Of a container whose name nobody knows, by its whole id, and of a unit of the system with a name
// for one use (systemd-run): for verdicts, of which there are few, and not for metrics. nullopt: it
// has a subject of its own, or is neither.
[[nodiscard]] std::optional<Subject> passing_subject_of(const Identity& identity);
[[nodiscard]] bool is_passing(const Subject& subject);
// For a sentence: of an id as many digits as docker and podman show.
[[nodiscard]] std::string spoken_name(const Subject& subject);

// As it stands in the store: "unit:/ssh.service", "unit:1000/web.service",
// "container://shop/web-7d9/nginx", "container:docker////web". One text is one subject.
[[nodiscard]] std::string to_key(const Subject& subject);
[[nodiscard]] std::optional<Subject> parse_subject_key(std::string_view key);
// A name in the store that is a subject's, not a workload's.
[[nodiscard]] bool is_subject_key(std::string_view key);

}  // namespace cgwarden::identity
