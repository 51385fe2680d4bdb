#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// The one internal model of "an isolated process": config.json of OCI runtime-spec 1.2 (config.md,
// config-linux.md). Workload YAML compiles to it, config.json parses to it.
namespace cgwarden::launcher {

enum class NamespaceType { pid, network, mount, ipc, uts, user, cgroup, time };

struct Namespace {
  NamespaceType type = NamespaceType::pid;
  std::string path;  // join this one; empty: make a new one
  bool operator==(const Namespace&) const = default;
};

struct IdMapping {  // linux.uidMappings / gidMappings
  std::uint32_t container_id = 0;
  std::uint32_t host_id = 0;
  std::uint32_t size = 0;
  bool operator==(const IdMapping&) const = default;
};

struct Mount {
  std::string destination;
  std::string type;    // "bind" or a file system type
  std::string source;  // of a bind mount: absolute, or relative to the bundle
  std::vector<std::string> options;
  // With option "idmap" or "ridmap", or by themselves: an id-mapped mount (mount_setattr(2)
  // MOUNT_ATTR_IDMAP). Empty with the option: the maps of the container.
  std::vector<IdMapping> uid_mappings{};
  std::vector<IdMapping> gid_mappings{};
  bool operator==(const Mount&) const = default;
};

// By type or by option ("bind", "rbind").
[[nodiscard]] bool is_bind(const Mount& mount);

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> additional_gids;
  std::optional<mode_t> umask;
  bool operator==(const User&) const = default;
};

struct Rlimit {
  std::string type;  // "RLIMIT_NOFILE"
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
  bool operator==(const Rlimit&) const = default;
};

// Names as in capabilities(7): "CAP_KILL".
struct Capabilities {
  std::vector<std::string> bounding;
  std::vector<std::string> effective;
  std::vector<std::string> inheritable;
  std::vector<std::string> permitted;
  std::vector<std::string> ambient;
  bool operator==(const Capabilities&) const = default;
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
  bool operator==(const Scheduler&) const = default;
};

struct IoPriority {           // process.ioPriority, ioprio_set(2)
  std::string io_class;       // "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"
  std::int32_t priority = 0;  // 0 to 7
  bool operator==(const IoPriority&) const = default;
};

struct CpuAffinity {    // process.execCPUAffinity: of `exec` only; lists as in cpuset(7)
  std::string initial;  // until the process has been moved into the container's cgroup
  std::string settled;  // "final": afterwards
  bool operator==(const CpuAffinity&) const = default;
};

struct ConsoleSize {
  unsigned height = 0;
  unsigned width = 0;
  bool operator==(const ConsoleSize&) const = default;
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
  bool operator==(const SeccompArgument&) const = default;
};

struct SeccompRule {
  std::vector<std::string> names;
  std::string action;  // "SCMP_ACT_ALLOW", ...
  std::optional<std::uint32_t> errno_ret;
  std::vector<SeccompArgument> args;
  bool operator==(const SeccompRule&) const = default;
};

struct Seccomp {  // linux.seccomp
  std::string default_action;
  std::optional<std::uint32_t> default_errno_ret;
  std::vector<std::string> architectures;  // "SCMP_ARCH_X86_64", ...
  // "SECCOMP_FILTER_FLAG_LOG", ...; absent: SECCOMP_FILTER_FLAG_SPEC_ALLOW, as in runc and crun
  std::optional<std::vector<std::string>> flags;
  std::string listener_path;
  std::string listener_metadata;
  std::vector<SeccompRule> syscalls;
  bool operator==(const Seccomp&) const = default;
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
  bool operator==(const Process&) const = default;
};

struct Hook {
  std::string path;  // absolute
  std::vector<std::string> args;
  std::vector<std::string> env;  // empty: inherited
  bool empty_env = false;        // "env" is an empty array: nothing is inherited
  std::optional<unsigned> timeout_sec;
  bool operator==(const Hook&) const = default;
};

struct Hooks {
  std::vector<Hook> prestart;  // deprecated in 1.0.2, still called: before create_runtime
  std::vector<Hook> create_runtime;
  std::vector<Hook> create_container;
  std::vector<Hook> start_container;
  std::vector<Hook> poststart;
  std::vector<Hook> poststop;
  bool operator==(const Hooks&) const = default;
};

struct Device {  // linux.devices[]
  std::string path;
  char type = 'c';  // 'c', 'u', 'b' or 'p'
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<mode_t> file_mode;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  bool operator==(const Device&) const = default;
};

struct DeviceRule {  // linux.resources.devices[]
  bool allow = false;
  char type = 'a';                    // 'a', 'c' or 'b'
  std::optional<std::int64_t> major;  // absent (or -1): every
  std::optional<std::int64_t> minor;
  std::string access;  // of "rwm"
  bool operator==(const DeviceRule&) const = default;
};

struct DeviceRate {  // linux.resources.blockIO.throttle*
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::uint64_t rate = 0;
  bool operator==(const DeviceRate&) const = default;
};

struct DeviceWeight {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint16_t> weight;
  bool operator==(const DeviceWeight&) const = default;
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
    bool operator==(const Memory&) const = default;
  } memory;
  struct Cpu {
    std::optional<std::uint64_t> shares;
    std::optional<std::int64_t> quota_usec;
    std::optional<std::uint64_t> period_usec;
    std::optional<std::uint64_t> burst_usec;
    std::optional<std::int64_t> idle;
    std::string cpus;
    std::string mems;
    bool operator==(const Cpu&) const = default;
  } cpu;
  std::optional<std::int64_t> pids_limit;
  struct BlockIo {
    std::optional<std::uint16_t> weight;
    std::vector<DeviceWeight> weight_device;
    std::vector<DeviceRate> read_bps;
    std::vector<DeviceRate> write_bps;
    std::vector<DeviceRate> read_iops;
    std::vector<DeviceRate> write_iops;
    bool operator==(const BlockIo&) const = default;
  } block_io;
  std::map<std::string, std::uint64_t> hugepage_limits;  // "2MB" -> bytes
  struct Rdma {
    std::optional<std::uint32_t> hca_handles;
    std::optional<std::uint32_t> hca_objects;
    bool operator==(const Rdma&) const = default;
  };
  std::map<std::string, Rdma> rdma;
  std::map<std::string, std::string> unified;  // control file -> text
  bool operator==(const Resources&) const = default;
};

struct TimeOffset {
  std::int64_t secs = 0;
  std::uint32_t nanosecs = 0;
  bool operator==(const TimeOffset&) const = default;
};

struct MemoryPolicy {  // linux.memoryPolicy (runtime-spec 1.3)
  std::string mode;    // "MPOL_BIND", memory_policy.h
  std::string nodes;   // cpuset(7) list; empty: none
  std::vector<std::string> flags;
  bool operator==(const MemoryPolicy&) const = default;
};

struct Personality {
  std::string domain;  // "LINUX" or "LINUX32"
  bool operator==(const Personality&) const = default;
};

struct NetDevice {   // linux.netDevices (1.3): a host interface moved into the namespace
  std::string name;  // in the container; empty: as on the host
  bool operator==(const NetDevice&) const = default;
};

// A root file system of overlayfs (Linux Documentation/filesystems/overlayfs.rst) in place of a
// directory: layers that many containers share, and one directory for what this one writes.
struct Overlay {
  std::vector<std::string> layers;  // absolute directories, the lowest first; never written to
  // Absolute directory that holds, or gets, "upper" and "work": what is written stays there. Empty:
  // it goes into a tmpfs that ends with the container.
  std::string writable;
  bool operator==(const Overlay&) const = default;
};

struct Spec {
  std::string oci_version = "1.3.0";
  // False when config.json has no "process": `create` is allowed then, `start` is not.
  bool has_process = true;
  Process process;
  std::string root_path;  // absolute once the bundle is known
  bool root_readonly = false;
  // Mounted on root_path, which is an empty directory then. Not of config.json: the agent's alone
  // (overlay.h).
  std::optional<Overlay> overlay;
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
  std::optional<MemoryPolicy> memory_policy;
  // Annotation io.github.cgwarden.init: PID 1 is the built-in init (init.h), which reaps and
  // forwards signals.
  bool init = false;
  std::map<std::string, std::string> annotations;

  [[nodiscard]] bool has_namespace(NamespaceType type) const;
  bool operator==(const Spec&) const = default;
};

// The default of runc, crun and podman: new pid, network, mount, ipc, uts, cgroup namespaces,
// /proc, a minimal /dev, sysfs read-only, masked and read-only paths, the OCI default capability
// set, no_new_privs, seccomp default. Args and root are empty.
[[nodiscard]] Spec default_spec();

// The OCI default capability set (14 names).
[[nodiscard]] const std::vector<std::string>& default_capabilities();

// config.json text <-> Spec. Malformed JSON, a duplicate key, a wrong type, a value out of range
// and a property of the specification that this launcher does not carry out are errors whose
// `detail` names the property in full ("linux.intelRdt is not supported"). Properties that the
// specification does not define, and those of other platforms, are ignored (config.md,
// "Extensibility"). `warnings` receives sentences on what was let pass and belongs into the log:
// unknown capabilities, relative mount destinations, knobs that cgroup v2 does not have.
[[nodiscard]] Result<Spec> parse_config(const std::string& json, const std::string& where,
                                        std::vector<std::string>* warnings = nullptr);
[[nodiscard]] std::string to_config(const Spec& spec);
// Before runtime-spec 1.3 the limit 0 of "pids" was that of a caller who gave none (Go's zero
// value); since then it is a limit.
void leave_out_zero_pids(std::string_view oci_version, Resources& resources);

// The "process" object alone, as `exec --process FILE` and shims pass it; and "linux.resources"
// alone, as `update --resources FILE` does.
[[nodiscard]] Result<Process> parse_process(const std::string& json, const std::string& where,
                                            std::vector<std::string>* warnings = nullptr);
[[nodiscard]] Result<Resources> parse_resources(const std::string& json, const std::string& where,
                                                std::vector<std::string>* warnings = nullptr);

}  // namespace cgwarden::launcher
