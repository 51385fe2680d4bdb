#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

// The one internal model of "an isolated process": config.json of OCI runtime-spec 1.2 (config.md,
// config-linux.md). Workload YAML compiles to it, config.json parses to it; a property outside it
// is refused by name.
namespace cgwarden::launcher {

enum class NamespaceType { pid, network, mount, ipc, uts, user, cgroup, time };

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
  // With option "idmap" or "ridmap", or by themselves: an id-mapped mount (mount_setattr(2)
  // MOUNT_ATTR_IDMAP). Empty with the option: the maps of the container.
  std::vector<IdMapping> uid_mappings = {};
  std::vector<IdMapping> gid_mappings = {};
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

struct Scheduler {     // process.scheduler, sched_setattr(2)
  std::string policy;  // "SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO",
                       // "SCHED_IDLE", "SCHED_DEADLINE"
  std::int32_t nice = 0;
  std::int32_t priority = 0;
  std::vector<std::string> flags;  // "SCHED_FLAG_RESET_ON_FORK", ...
  std::uint64_t runtime_nsec = 0;
  std::uint64_t deadline_nsec = 0;
  std::uint64_t period_nsec = 0;
};

struct IoPriority {           // process.ioPriority, ioprio_set(2)
  std::string io_class;       // "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"
  std::int32_t priority = 0;  // 0 to 7
};

struct CpuAffinity {    // process.execCPUAffinity: of `exec` only; lists as in cpuset(7)
  std::string initial;  // until the process has been moved into the container's cgroup
  std::string settled;  // "final": afterwards
};

struct ConsoleSize {
  unsigned height = 0;
  unsigned width = 0;
};

// Annotation io.github.cgwarden.seccomp: a profile of our own, when linux.seccomp is absent.
enum class SeccompProfile {
  unconfined,
  container_default,  // the field's default deny-list of dangerous calls, seccomp.h
};

struct SeccompArgument {  // linux.seccomp.syscalls[].args[]
  unsigned index = 0;     // 0 to 5
  std::uint64_t value = 0;
  std::uint64_t value_two = 0;  // of SCMP_CMP_MASKED_EQ
  std::string op;               // "SCMP_CMP_EQ", ...
};

struct SeccompRule {
  std::vector<std::string> names;
  std::string action;  // "SCMP_ACT_ALLOW", ...
  std::optional<std::uint32_t> errno_ret;
  std::vector<SeccompArgument> args;
};

struct Seccomp {  // linux.seccomp
  std::string default_action;
  std::optional<std::uint32_t> default_errno_ret;
  std::vector<std::string> architectures;  // "SCMP_ARCH_X86_64", ...
  std::vector<std::string> flags;          // "SECCOMP_FILTER_FLAG_LOG", ...
  std::string listener_path;
  std::string listener_metadata;
  std::vector<SeccompRule> syscalls;
};

struct Process {
  std::vector<std::string>
      args;  // args[0] is looked up in PATH of `env` inside the rootfs when it has no slash
  std::vector<std::string> env;  // "KEY=VALUE"
  std::string cwd = "/";
  bool terminal = false;
  std::optional<ConsoleSize> console_size;
  User user;
  Capabilities capabilities;
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = true;
  std::optional<int> oom_score_adj;
  std::string apparmor_profile;
  std::string selinux_label;
  std::optional<Scheduler> scheduler;
  std::optional<IoPriority> io_priority;
  std::optional<CpuAffinity> exec_cpu_affinity;
};

struct Hook {
  std::string path;  // absolute
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::optional<unsigned> timeout_sec;
};

struct Hooks {
  std::vector<Hook> prestart;  // deprecated in 1.0.2, still called: before create_runtime
  std::vector<Hook> create_runtime;
  std::vector<Hook> create_container;
  std::vector<Hook> start_container;
  std::vector<Hook> poststart;
  std::vector<Hook> poststop;
};

struct Device {  // linux.devices[]
  std::string path;
  char type = 'c';  // 'c', 'u', 'b' or 'p'
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<mode_t> file_mode;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
};

struct DeviceRule {  // linux.resources.devices[]
  bool allow = false;
  char type = 'a';                    // 'a', 'c' or 'b'
  std::optional<std::int64_t> major;  // absent (or -1): every
  std::optional<std::int64_t> minor;
  std::string access;  // of "rwm"
};

struct DeviceRate {  // linux.resources.blockIO.throttle*
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::uint64_t rate = 0;
};

struct DeviceWeight {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint16_t> weight;
};

// linux.resources. Numbers are as config-linux.md gives them (cgroup v1 words); cgroup_resources.h
// turns them into control files of v2. -1 is "no limit".
struct Resources {
  std::vector<DeviceRule> devices;
  struct Memory {
    std::optional<std::int64_t> limit;
    std::optional<std::int64_t> reservation;
    std::optional<std::int64_t> swap;  // memory and swap together
    bool check_before_update = false;
  } memory;
  struct Cpu {
    std::optional<std::uint64_t> shares;
    std::optional<std::int64_t> quota_usec;
    std::optional<std::uint64_t> period_usec;
    std::optional<std::uint64_t> burst_usec;
    std::optional<std::int64_t> idle;
    std::string cpus;
    std::string mems;
  } cpu;
  std::optional<std::int64_t> pids_limit;
  struct BlockIo {
    std::optional<std::uint16_t> weight;
    std::vector<DeviceWeight> weight_device;
    std::vector<DeviceRate> read_bps;
    std::vector<DeviceRate> write_bps;
    std::vector<DeviceRate> read_iops;
    std::vector<DeviceRate> write_iops;
  } block_io;
  std::map<std::string, std::uint64_t> hugepage_limits;  // "2MB" -> bytes
  struct Rdma {
    std::optional<std::uint32_t> hca_handles;
    std::optional<std::uint32_t> hca_objects;
  };
  std::map<std::string, Rdma> rdma;
  std::map<std::string, std::string> unified;  // control file -> text
};

struct TimeOffset {
  std::int64_t secs = 0;
  std::uint32_t nanosecs = 0;
};

struct Personality {
  std::string domain;  // "LINUX" or "LINUX32"
};

struct NetDevice {   // linux.netDevices (1.3): a host interface moved into the namespace
  std::string name;  // in the container; empty: as on the host
};

struct Spec {
  std::string oci_version = "1.2.0";
  // False when config.json has no "process": `create` is allowed then, `start` is not.
  bool has_process = true;
  Process process;
  std::string root_path;  // absolute once the bundle is known
  bool root_readonly = false;
  std::string hostname;
  std::string domainname;
  std::vector<Mount> mounts;  // in order, on top of the rootfs
  Hooks hooks;
  std::vector<Namespace> namespaces;
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
  std::map<std::string, TimeOffset> time_offsets;  // "monotonic", "boottime"
  std::vector<Device> devices;
  std::map<std::string, NetDevice> net_devices;
  std::string cgroups_path;
  Resources resources;
  std::map<std::string, std::string> sysctl;
  std::optional<Seccomp> seccomp_config;  // linux.seccomp
  SeccompProfile seccomp = SeccompProfile::container_default;
  std::string rootfs_propagation;  // "shared", "slave", "private", "unbindable", with or without r
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  std::string mount_label;
  std::optional<Personality> personality;
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
// The "process" object alone, as `exec --process FILE` and shims pass it; and "linux.resources"
// alone, as `update --resources FILE` does.
[[nodiscard]] Result<Process> parse_process(const std::string& json, const std::string& where);
[[nodiscard]] Result<Resources> parse_resources(const std::string& json, const std::string& where);

}  // namespace cgwarden::launcher
