#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "cgroup/mountinfo.h"
#include "cli/process_text.h"
#include "diagnosis/audit/posture.h"

namespace cgwarden::cli {

// Reads how processes are isolated, from /proc, /sys and the cgroup tree below one directory.
//
//   CGW_ASSIGN(const auto reader, PostureReader::open("/", cgroup_root));
//   CGW_ASSIGN(const auto posture, reader.read(pid));
//
// The host is process 1 of that /proc. Of a container's own file systems only the nodes of its /dev
// are looked at, never when that is a FUSE or network file system, which could hang the reader.
class PostureReader {
 public:
  // `root`: "/", or a directory with proc/ and sys/ in it (tests). `cgroup_root`: the cgroup2
  // mount; empty: the one that process 1 shows.
  [[nodiscard]] static Result<PostureReader> open(const std::string& root,
                                                  const std::string& cgroup_root);

  // vanished: there is no such process, it ended meanwhile, or is a zombie. What may not be read is
  // missing in the posture, with the file and what to do.
  [[nodiscard]] Result<diagnosis::audit::Posture> read(pid_t pid) const;

  // Borrowed: the directory of /proc.
  [[nodiscard]] int proc_fd() const { return proc_.get(); }

 private:
  PostureReader() = default;
  struct Process;  // one process while it is read
  void read_namespaces(const Process& process, diagnosis::audit::Posture& posture) const;
  void read_labels(const Process& process, diagnosis::audit::Posture& posture) const;
  void read_mounts(const Process& process, diagnosis::audit::Posture& posture) const;
  void read_root(const Process& process, diagnosis::audit::Posture& posture) const;
  void read_limits(const CgroupText& cgroup, diagnosis::audit::Posture& posture) const;
  [[nodiscard]] diagnosis::audit::Seen<diagnosis::audit::EffectiveLimit> effective_limit(
      const CgroupText& cgroup, const std::string& controller, const std::string& file) const;

  UniqueFd root_;
  UniqueFd proc_;
  UniqueFd cgroup_;  // invalid: none, and why is in cgroup_missing_
  std::string cgroup_missing_;
  diagnosis::audit::Seen<std::vector<cgroup::MountLine>> host_mounts_;
  diagnosis::audit::Seen<std::vector<std::string>> sensitive_paths_;
  diagnosis::audit::Seen<std::uint64_t> all_capabilities_;
};

// "cannot read /proc/42/ns/pid: Permission denied; run as root"
[[nodiscard]] std::string reason_of(Error error, const std::string& path);

}  // namespace cgwarden::cli
