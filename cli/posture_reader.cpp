#include "cli/posture_reader.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "cgroup/mount.h"
#include "cli/process_files.h"
#include "diagnosis/audit/mount_path.h"
#include "diagnosis/audit/proc_paths.h"

namespace cgwarden::cli {
namespace {

using diagnosis::audit::EffectiveLimit;
using diagnosis::audit::kNamespaceNames;
using diagnosis::audit::MountTable;
using diagnosis::audit::NamespacePair;
using diagnosis::audit::Posture;
using diagnosis::audit::SecurityLabel;
using diagnosis::audit::Seen;

// As cgroup/mount.cpp: a node with 10,000 containers.
constexpr std::size_t kMountinfoBytes = 32U * 1024U * 1024U;
// uid_map has at most 340 lines of three numbers; status about 1.5 KiB and a CPU mask.
constexpr std::size_t kProcessFileBytes = 64U * 1024U;
constexpr int kBits = 64;

std::string relative(const std::string& path) { return path.substr(path.find_first_not_of('/')); }

template <typename T>
Seen<T> seen(Result<T> result, const std::string& path) {
  if (result) return Seen<T>(*std::move(result));
  return Seen<T>::missing(reason_of(std::move(result).error(), path));
}

Result<std::vector<cgroup::MountLine>> read_mountinfo(int directory) {
  CGW_ASSIGN(const std::string text, read_file_at(directory, "mountinfo", kMountinfoBytes));
  return cgroup::parse_mountinfo(text);
}

// The mount that process 1 shows, seen from `root`.
Result<UniqueFd> open_cgroup_root(int root, const Seen<std::vector<cgroup::MountLine>>& mounts,
                                  const std::string& given) {
  std::string path = given;
  if (path.empty() && mounts) {
    for (const auto& mount : *mounts) {
      if (mount.fs_type != "cgroup2") continue;
      if (path.empty() || mount.mount_point == "/sys/fs/cgroup") path = mount.mount_point;
    }
  }
  if (path.empty()) {
    return fail(Error{ErrorKind::not_supported, 0, "find", "a cgroup v2 mount",
                      mounts ? "this host has none" : mounts.reason()});
  }
  if (path == "/") return open_at(root, ".", O_PATH | O_DIRECTORY);
  // A directory given by the user is where it says; one of a fixture is below its root.
  return open_at(root, given.empty() ? relative(path) : path, O_PATH | O_DIRECTORY);
}

Seen<std::uint64_t> read_all_capabilities(int proc) {
  const std::string file = "sys/kernel/cap_last_cap";
  const auto text = read_file_at(proc, file, kProcessFileBytes);
  if (!text) return Seen<std::uint64_t>::missing(reason_of(text.error(), "/proc/" + file));
  const auto last = parse_integer<int>(trim(*text));
  if (!last || *last < 0 || *last >= kBits - 1) {
    return Seen<std::uint64_t>::missing("/proc/" + file + " is not the number of a capability");
  }
  return (std::uint64_t{1} << (*last + 1)) - 1;
}

Seen<std::vector<std::string>> find_sensitive_paths(int root) {
  std::vector<std::string> found;
  for (const char* path : diagnosis::audit::kSensitivePaths) {
    if (::faccessat(root, relative(path).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
      found.emplace_back(path);
    } else if (errno != ENOENT) {
      return Seen<std::vector<std::string>>::missing(
          reason_of(Error::from_errno(errno, "find", path), path));
    }
  }
  return found;
}

// The container chooses the type of its /dev; a file server of its own could let us wait for ever.
bool may_hang(const std::string& type) {
  return type.starts_with("fuse") || type.starts_with("nfs") || type == "9p" || type == "cifs" ||
         type == "smb3" || type == "ceph" || type == "virtiofs" || type == "autofs";
}

// One component after the other would be slower and no safer: no link is followed.
Result<UniqueFd> open_beneath(int directory, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const int fd =
      static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how)));
  if (fd < 0) return fail(Error::from_errno(errno, "open", path));
  return UniqueFd(fd);
}

}  // namespace

struct PostureReader::Process {
  pid_t pid;
  UniqueFd directory;
  [[nodiscard]] std::string file(const std::string& name) const {
    return "/proc/" + std::to_string(pid) + "/" + name;
  }
};

std::string reason_of(Error error, const std::string& path) {
  error.where = path;
  if (error.kind == ErrorKind::not_permitted && error.detail.empty()) {
    // Of a process, only who has all of its capabilities may read more than the outside.
    error.detail =
        ::geteuid() == 0 ? "root lacks capabilities here: run with all of them" : "run as root";
  }
  return error.sentence();
}

Result<PostureReader> PostureReader::open(const std::string& root, const std::string& cgroup_root) {
  PostureReader reader;
  CGW_ASSIGN(reader.root_, open_at(AT_FDCWD, root, O_PATH | O_DIRECTORY));
  CGW_ASSIGN(reader.proc_, open_at(reader.root_.get(), "proc", O_PATH | O_DIRECTORY));
  const auto host = open_at(reader.proc_.get(), "1", O_PATH | O_DIRECTORY);
  reader.host_mounts_ =
      host ? seen(read_mountinfo(host->get()), "/proc/1/mountinfo")
           : Seen<std::vector<cgroup::MountLine>>::missing(reason_of(host.error(), "/proc/1"));
  // Without root, where cgroup2 is mounted is seen in this program's own table.
  auto mounts = reader.host_mounts_;
  if (!mounts) {
    if (const auto self = open_at(reader.proc_.get(), "self", O_PATH | O_DIRECTORY)) {
      if (auto own = read_mountinfo(self->get())) mounts = *std::move(own);
    }
  }
  auto cgroup = open_cgroup_root(reader.root_.get(), mounts, cgroup_root);
  if (cgroup) {
    reader.cgroup_ = *std::move(cgroup);
  } else {
    reader.cgroup_missing_ = cgroup.error().sentence();
  }
  reader.sensitive_paths_ = find_sensitive_paths(reader.root_.get());
  reader.all_capabilities_ = read_all_capabilities(reader.proc_.get());
  return reader;
}

void PostureReader::read_namespaces(const Process& process, Posture& posture) const {
  for (std::size_t i = 0; i < kNamespaceNames.size(); ++i) {
    const std::string name = std::string("ns/") + kNamespaceNames.at(i);
    auto own = read_link_at(process.directory.get(), name);
    auto host = read_link_at(proc_.get(), "1/" + name);
    if (own && host) {
      posture.namespaces.at(i) = NamespacePair{*std::move(own), *std::move(host)};
    } else {
      posture.namespaces.at(i) =
          Seen<NamespacePair>::missing(own ? reason_of(std::move(host).error(), "/proc/1/" + name)
                                           : reason_of(std::move(own).error(), process.file(name)));
    }
  }
}

void PostureReader::read_labels(const Process& process, Posture& posture) const {
  const auto apparmor =
      read_file_at(root_.get(), "sys/module/apparmor/parameters/enabled", kProcessFileBytes);
  if (!apparmor && apparmor.error().kind == ErrorKind::not_permitted) {
    posture.labels = Seen<std::vector<SecurityLabel>>::missing(
        reason_of(apparmor.error(), "/sys/module/apparmor/parameters/enabled"));
    return;
  }
  const bool apparmor_on = apparmor && trim(*apparmor) == "Y";
  const auto selinux = read_file_at(root_.get(), "sys/fs/selinux/enforce", kProcessFileBytes);
  std::vector<SecurityLabel> labels;
  if (apparmor_on || selinux) {
    // Of both at once, attr/current is the older module's; each has a directory of its own.
    const std::string file = apparmor_on && selinux ? "attr/apparmor/current" : "attr/current";
    auto text = read_file_at(process.directory.get(), file, kProcessFileBytes);
    if (!text) {
      posture.labels = Seen<std::vector<SecurityLabel>>::missing(
          reason_of(std::move(text).error(), process.file(file)));
      return;
    }
    while (text->ends_with('\0') || text->ends_with('\n')) text->pop_back();
    labels.push_back({apparmor_on ? "AppArmor" : "SELinux", *std::move(text)});
  }
  posture.labels = std::move(labels);
}

void PostureReader::read_mounts(const Process& process, Posture& posture) const {
  auto own = read_mountinfo(process.directory.get());
  if (!own) {
    posture.mounts =
        Seen<MountTable>::missing(reason_of(std::move(own).error(), process.file("mountinfo")));
  } else if (!host_mounts_) {
    posture.mounts = Seen<MountTable>::missing(host_mounts_.reason());
  } else {
    posture.mounts = MountTable{*std::move(own), *host_mounts_};
  }
}

void PostureReader::read_root(const Process& process, Posture& posture) const {
  const auto host = open_at(proc_.get(), "1", O_PATH | O_DIRECTORY);
  posture.root_is_host_root =
      host
          ? seen(same_directory(process.directory.get(), host->get(), "root"), process.file("root"))
          : Seen<bool>::missing(reason_of(host.error(), "/proc/1"));
  posture.directories = seen(open_directories(process.directory.get()), process.file("fd"));
  if (!posture.mounts) {
    posture.devices =
        Seen<std::vector<diagnosis::audit::DeviceNode>>::missing(posture.mounts.reason());
    return;
  }
  for (const char* path : {"/", "/dev"}) {
    const auto* mount = diagnosis::audit::covering_mount(posture.mounts->own, path);
    if (mount == nullptr || !may_hang(mount->fs_type)) continue;
    posture.devices = Seen<std::vector<diagnosis::audit::DeviceNode>>::missing(
        process.file("root/dev") + " is not looked at: " + path + " is of the type " +
        mount->fs_type + ", which may not answer");
    return;
  }
  posture.devices = seen(device_nodes(process.directory.get()), process.file("root/dev"));
}

Seen<EffectiveLimit> PostureReader::effective_limit(const CgroupText& cgroup,
                                                    const std::string& controller,
                                                    const std::string& file) const {
  using Limit = Seen<EffectiveLimit>;
  if (std::ranges::find(cgroup.v1_controllers, controller) != cgroup.v1_controllers.end()) {
    return Limit::missing("the controller " + controller +
                          " of this host is bound to cgroup v1, which is not looked at");
  }
  if (!cgroup_.valid()) return Limit::missing(cgroup_missing_);
  if (cgroup.unified.empty()) return Limit::missing("it is in no cgroup of the v2 hierarchy");
  if (cgroup.unified.starts_with("/..")) {
    return Limit::missing("its cgroup " + cgroup.unified +
                          " is outside the cgroup namespace of this program");
  }
  EffectiveLimit limit{Max{}, cgroup.unified};
  for (std::string path = cgroup.unified; path.size() > 1;
       path.erase(std::max<std::size_t>(path.rfind('/'), 1))) {
    const auto directory = open_beneath(cgroup_.get(), relative(path));
    if (!directory) return Limit::missing(reason_of(directory.error(), path));
    const auto text = read_file_at(directory->get(), file, limits::kControlFileBytes);
    if (!text) {
      // The controller is not on here; a limit above binds all the same.
      if (text.error().kind == ErrorKind::vanished) continue;
      return Limit::missing(reason_of(text.error(), path + "/" + file));
    }
    if (trim(*text) == "max") continue;
    const auto value = parse_integer<std::uint64_t>(trim(*text));
    if (!value) return Limit::missing(path + "/" + file + " is neither a number nor max");
    if (is_max(limit.value) || *value < std::get<std::uint64_t>(limit.value)) {
      limit = {*value, path};
    }
  }
  return limit;
}

void PostureReader::read_limits(const CgroupText& cgroup, Posture& posture) const {
  posture.cgroup = cgroup.unified;
  posture.pids_max = effective_limit(cgroup, "pids", "pids.max");
  posture.memory_max = effective_limit(cgroup, "memory", "memory.max");
}

Result<Posture> PostureReader::read(pid_t pid) const {
  const std::string name = std::to_string(pid);
  auto directory = open_at(proc_.get(), name, O_PATH | O_DIRECTORY);
  if (!directory) {
    Error error = std::move(directory).error();
    if (error.kind == ErrorKind::vanished) error.detail = "there is no such process";
    error.where = "/proc/" + name;
    return fail(std::move(error));
  }
  const Process process{pid, *std::move(directory)};
  const auto ended = [&] {
    return fail(Error{ErrorKind::vanished, 0, "audit", "process " + name, "it has ended"});
  };
  const auto read_status = [&]() -> Result<StatusText> {
    auto text = read_file_at(process.directory.get(), "status", kProcessFileBytes);
    if (!text) return fail(std::move(text).error());
    return parse_status(*text, process.file("status"));
  };
  auto status = read_status();
  if (!status) {
    if (status.error().kind == ErrorKind::vanished) return ended();
    status.error().where = process.file("status");
    return fail(std::move(status).error());
  }
  if (status->state == 'Z' || status->state == 'X') return ended();
  Posture posture;
  posture.pid = pid;
  posture.comm = status->comm;
  posture.status = status->process;
  posture.all_capabilities = all_capabilities_;
  posture.sensitive_paths = sensitive_paths_;
  read_namespaces(process, posture);
  const auto map = read_file_at(process.directory.get(), "uid_map", kProcessFileBytes);
  posture.uid_map = seen(map ? parse_id_map(*map, process.file("uid_map")) : fail(map.error()),
                         process.file("uid_map"));
  read_labels(process, posture);
  read_mounts(process, posture);
  read_root(process, posture);
  const auto cgroup = read_file_at(process.directory.get(), "cgroup", kProcessFileBytes);
  if (cgroup) {
    read_limits(parse_process_cgroup(*cgroup), posture);
  } else {
    posture.pids_max = posture.memory_max =
        Seen<EffectiveLimit>::missing(reason_of(cgroup.error(), process.file("cgroup")));
  }
  // Whoever ends while it is read leaves holes that would look like a lack of rights.
  const auto after = read_status();
  if (!after || after->state == 'Z' || after->state == 'X') return ended();
  return posture;
}

}  // namespace cgwarden::cli
