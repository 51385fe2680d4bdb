#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"
#include "cgroup/mountinfo.h"

// How one process is isolated, as /proc shows it. Plain values; read by cli/posture_reader.
namespace cgwarden::diagnosis::audit {

// A value that was read, or the sentence that says why not. The default is "not read", so that a
// forgotten field is never a good one.
template <typename T>
class Seen {
 public:
  Seen() = default;
  Seen(T value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  [[nodiscard]] static Seen missing(std::string reason) {
    Seen seen;
    seen.reason_ = std::move(reason);
    return seen;
  }

  explicit operator bool() const { return value_.has_value(); }
  [[nodiscard]] const T& operator*() const { return *value_; }
  [[nodiscard]] const T* operator->() const { return &*value_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  std::optional<T> value_;
  std::string reason_ = "it was not read";
};

enum class NamespaceType { pid, net, ipc, mnt, uts, cgroup, user };
// Names of /proc/PID/ns, in the order of NamespaceType.
inline constexpr std::array<const char*, 7> kNamespaceNames{"pid", "net",    "ipc", "mnt",
                                                            "uts", "cgroup", "user"};

// The links of /proc/PID/ns: "pid:[4026531836]".
struct NamespacePair {
  std::string own;
  std::string host;  // of process 1
  [[nodiscard]] bool shared() const { return own == host; }
};

// A line of /proc/PID/uid_map as this program reads it: `outside` are its own user ids.
struct IdRange {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 0;
};

// Of /proc/PID/status. Capability sets have one bit for each number of capabilities(7).
struct ProcessStatus {
  std::uint32_t effective_uid = 0;  // as this program reads it
  std::uint64_t inheritable = 0;
  std::uint64_t permitted = 0;
  std::uint64_t effective = 0;
  std::uint64_t bounding = 0;
  bool no_new_privs = false;
  unsigned seccomp = 0;  // 0 off, 1 strict, 2 filter
};

// What a security module of the host, which is on, says of the process.
struct SecurityLabel {
  std::string module;  // "AppArmor", "SELinux"
  std::string label;   // "docker-default (enforce)"
};

struct MountTable {
  std::vector<cgroup::MountLine> own;
  std::vector<cgroup::MountLine> host;  // of process 1
};

// The working directory, or a descriptor that is a directory.
struct DirectoryHandle {
  std::string link;  // "cwd", "fd/7"
  std::string path;  // what the link reads
  std::uint64_t mount_id = 0;
};

// A node in the process's /dev.
struct DeviceNode {
  std::string path;
  bool block = false;  // else a character device
  unsigned major = 0;
  unsigned minor = 0;
};

// The tightest of a limit on the way from the process's cgroup to the root.
struct EffectiveLimit {
  LimitOf<std::uint64_t> value;
  std::string cgroup;  // where it is set; the process's own when there is none
};

struct Posture {
  pid_t pid = -1;
  std::string comm;    // raw: may hold anything but NUL
  std::string cgroup;  // path in the v2 hierarchy; empty: not read
  std::array<Seen<NamespacePair>, kNamespaceNames.size()> namespaces;
  Seen<ProcessStatus> status;
  Seen<std::uint64_t> all_capabilities;  // those that this kernel has
  Seen<std::vector<IdRange>> uid_map;
  Seen<std::vector<SecurityLabel>> labels;  // empty: the host has no such module
  Seen<MountTable> mounts;
  Seen<bool> root_is_host_root;  // /proc/PID/root is the same directory as /proc/1/root
  // Those of proc_paths.h that this kernel has.
  Seen<std::vector<std::string>> sensitive_paths;
  Seen<std::vector<DirectoryHandle>> directories;
  Seen<std::vector<DeviceNode>> devices;
  Seen<EffectiveLimit> pids_max;
  Seen<EffectiveLimit> memory_max;

  [[nodiscard]] const Seen<NamespacePair>& of(NamespaceType type) const {
    return namespaces.at(static_cast<std::size_t>(type));
  }
  // True only when both namespaces were read and are one.
  [[nodiscard]] bool shares(NamespaceType type) const { return of(type) && of(type)->shared(); }
};

}  // namespace cgwarden::diagnosis::audit
