#pragma once

#include "policy/schema.h"
#include "policy/workload.h"

// The keys of a Workload document by subject.
namespace cgwarden::policy {

// metadata: name and labels.
void read_identity(MapReader& document, Workload& workload, Findings& findings);
// command, args, env, cwd, user, hostname, init.
void read_process(MapReader& document, Workload& workload, Findings& findings);
// rootfs or layers or image, upper, readonlyRootfs.
void read_root(MapReader& document, Workload& workload, Findings& findings);
// Those of read_root, and mounts, userNamespace, capabilities, seccomp.
void read_isolation(MapReader& document, Workload& workload, Findings& findings);
// network, ports.
void read_network(MapReader& document, Workload& workload, Findings& findings);
// restart, stopSignal, stopTimeout.
void read_lifecycle(MapReader& document, Workload& workload, Findings& findings);

// health. After read_lifecycle.
void read_health(MapReader& document, Workload& workload, Findings& findings);

// log.
void read_log(MapReader& document, Workload& workload, Findings& findings);

// A duration of at least `least`; `out` stays as it is when the key is missing.
void read_duration(MapReader& map, std::string_view key, Usec least, Usec& out, Findings& findings);

// Absolute, without "." and ".." and empty components: what is mounted or entered must be where it
// is said to be.
[[nodiscard]] Parsed<std::string> parse_absolute_path(std::string_view text);

// A map of texts to texts ("labels", "env").
void read_text_map(const Node& node, std::string_view name, std::string_view example,
                   std::map<std::string, std::string>& out, Findings& findings);

}  // namespace cgwarden::policy
