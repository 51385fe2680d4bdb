#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

// The one internal model of "an isolated process": the part of the OCI runtime-spec 1.2 config.json
// that this launcher carries out. Workload YAML compiles to it, config.json parses to it; a
// property outside it is refused by name.
namespace cgwarden::launcher {

enum class NamespaceType { pid, network, mount, ipc, uts, user, cgroup };

struct Namespace {
  NamespaceType type = NamespaceType::pid;
  std::string path;  // join this one; empty: make a new one
};

struct IdMapping {  // linux.uidMappings / gidMappings
  std::uint32_t container_id = 0;
  std::uint32_t host_id = 0;
  std::uint32_t size = 0;
};

struct Mount {
  std::string destination;
  std::string type;  // "bind" or a file system type
  std::string source;
  std::vector<std::string> options;
};

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> additional_gids;
  std::optional<mode_t> umask;
};

struct Rlimit {
  std::string type;  // "RLIMIT_NOFILE"
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

// Names as in capabilities(7): "CAP_KILL".
struct Capabilities {
  std::vector<std::string> bounding;
  std::vector<std::string> effective;
  std::vector<std::string> inheritable;
  std::vector<std::string> permitted;
  std::vector<std::string> ambient;
};

enum class SeccompProfile {
  unconfined,
  container_default,  // the field's default deny-list of dangerous calls, seccomp.h
};

struct Process {
  std::vector<std::string>
      args;  // args[0] is looked up in PATH of `env` inside the rootfs when it has no slash
  std::vector<std::string> env;  // "KEY=VALUE"
  std::string cwd = "/";
  User user;
  Capabilities capabilities;
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = true;
  std::optional<int> oom_score_adj;
};

struct Spec {
  std::string oci_version = "1.2.0";
  Process process;
  std::string root_path;  // absolute
  bool root_readonly = false;
  std::string hostname;
  std::vector<Mount> mounts;  // in order, on top of the rootfs
  std::vector<Namespace> namespaces;
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  SeccompProfile seccomp = SeccompProfile::container_default;
  // Annotation io.github.cgwarden.init: PID 1 is the built-in init (init.h), which reaps and
  // forwards signals.
  bool init = false;
  std::map<std::string, std::string> annotations;

  [[nodiscard]] bool has_namespace(NamespaceType type) const;
};

// The default of runc, crun and podman: new pid, network, mount, ipc, uts, cgroup namespaces,
// /proc, a minimal /dev, sysfs read-only, masked and read-only paths, the OCI default capability
// set, no_new_privs, seccomp default. Args and root are empty.
[[nodiscard]] Spec default_spec();

// The OCI default capability set (14 names).
[[nodiscard]] const std::vector<std::string>& default_capabilities();

// config.json text <-> Spec. Parsing is strict: malformed JSON, a wrong type or a property that
// this launcher does not carry out is an error whose `detail` names the property ("linux.intelRdt
// is not supported").
[[nodiscard]] Result<Spec> parse_config(const std::string& json, const std::string& where);
[[nodiscard]] std::string to_config(const Spec& spec);

}  // namespace cgwarden::launcher
