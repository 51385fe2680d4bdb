#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/audit/mount_path.h"
#include "diagnosis/audit/review.h"

namespace cgwarden::diagnosis::audit {
namespace {

using cgroup::MountLine;

// A finding shows this many mounts; the others are counted.
constexpr std::size_t kMountsShown = 6;

// Mounted from the host, their owner is the host (paths with /var/run resolved to /run).
constexpr std::array<std::string_view, 8> kRuntimeSockets{
    "/run/docker.sock",      "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",   "/run/podman/podman.sock",
    "/run/cri-dockerd.sock", "/run/k3s/containerd/containerd.sock",
    "/run/systemd/private",  "/run/containerd/containerd.sock.ttrpc"};
constexpr std::string_view kSystemBus = "/run/dbus/system_bus_socket";

// These directories, not what is below them: single files of /etc are mounted into every container.
constexpr std::array<std::string_view, 24> kHostDirectories{"/etc",
                                                            "/root",
                                                            "/home",
                                                            "/boot",
                                                            "/var",
                                                            "/usr",
                                                            "/opt",
                                                            "/srv",
                                                            "/lib",
                                                            "/bin",
                                                            "/sbin",
                                                            "/run",
                                                            "/run/docker",
                                                            "/run/containerd",
                                                            "/run/crio",
                                                            "/run/podman",
                                                            "/run/dbus",
                                                            "/run/systemd",
                                                            "/var/lib",
                                                            "/var/lib/docker",
                                                            "/var/lib/containerd",
                                                            "/var/lib/containers",
                                                            "/etc/systemd",
                                                            "/etc/cron.d"};

// The kubelet's own directories hold the secrets of every pod of the node; what it mounts into a
// pod is below /var/lib/kubelet/pods/UID.
constexpr std::array<std::string_view, 4> kKubeletDirectories{
    "/var/lib/kubelet", "/var/lib/kubelet/pods", "/var/lib/kubelet/pki", "/etc/kubernetes"};

// A network-wide or kernel-made file system is no directory of the host's.
bool is_pseudo(const MountLine& mount) {
  static constexpr std::array<std::string_view, 12> kTypes{
      "proc", "sysfs",   "cgroup",  "cgroup2", "devpts",     "mqueue",
      "bpf",  "debugfs", "tracefs", "nsfs",    "securityfs", "hugetlbfs"};
  return std::ranges::find(kTypes, mount.fs_type) != kTypes.end();
}

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view path) {
  return std::ranges::find(list, path) != list.end();
}

// Mounts of one kind.
struct Group {
  std::vector<std::string> mounts;
  bool writable = false;

  void take(const MountLine& mount, std::string_view host_path) {
    const bool read_only = is_read_only(mount);
    writable = writable || !read_only;
    mounts.push_back(fmt::format("{} of the host at {} ({})", host_path, mount.mount_point,
                                 read_only ? "read-only" : "writable"));
  }
  [[nodiscard]] std::string text() const {
    std::string text;
    for (std::size_t i = 0; i < std::min(mounts.size(), kMountsShown); ++i) {
      text += (i == 0 ? "" : ", ") + mounts[i];
    }
    if (mounts.size() > kMountsShown) {
      text += fmt::format(" and {} more", mounts.size() - kMountsShown);
    }
    return text;
  }
};

struct Groups {
  Group root;
  Group sockets;
  Group bus;
  Group kubelet;
  Group directories;
  Group devices;
};

void sort_in(const MountLine& mount, const std::vector<MountLine>& host, Groups& groups) {
  if (is_pseudo(mount)) return;
  if (holds_host_root(mount, host)) {
    groups.root.take(mount, "the root file system");
    return;
  }
  for (const std::string& path : host_paths(mount, host)) {
    Group* group = nullptr;
    if (contains(kRuntimeSockets, path)) {
      group = &groups.sockets;
    } else if (path == kSystemBus) {
      group = &groups.bus;
    } else if (contains(kKubeletDirectories, path)) {
      group = &groups.kubelet;
    } else if (path == "/dev") {
      group = &groups.devices;
    } else if (contains(kHostDirectories, path)) {
      group = &groups.directories;
    }
    if (group == nullptr) continue;
    group->take(mount, path);
    return;
  }
}

struct Text {
  const char* id;
  const char* why;
  const char* remedy;
};

void report(Review& review, const Group& group, Severity writable, Severity read_only,
            const Text& text) {
  if (group.mounts.empty()) return;
  review.add({text.id, group.writable ? writable : read_only, group.text(),
              review.file("mountinfo"), text.why, text.remedy});
}

void review_root(Review& review) {
  const auto& same = review.posture().root_is_host_root;
  if (!same) {
    review.not_checked("root directory", Severity::critical, same.reason());
  } else if (*same) {
    review.add({"host-root-directory", Severity::critical,
                "it is the same directory as /proc/1/root", review.file("root"),
                "It lives in the host's file system: every program, key and password file is in "
                "reach.",
                "Give it a root file system of its own (OCI: root.path) and pivot_root into it."});
  }
}

}  // namespace

void review_host_mounts(Review& review) {
  review_root(review);
  const Posture& posture = review.posture();
  // Its mounts are the host's: that is a finding already, and no mount was made for it.
  if (posture.shares(NamespaceType::mnt)) return;
  if (!posture.mounts) {
    review.not_checked("host mounts", Severity::critical, posture.mounts.reason());
    return;
  }
  Groups groups;
  for (const MountLine& mount : posture.mounts->own) sort_in(mount, posture.mounts->host, groups);
  using enum Severity;
  report(review, groups.root, critical, high,
         {"host-root-mounted",
          "All files of the host are in it: writable, it owns the host; read-only, it reads every "
          "key and password.",
          "Mount the few directories that it needs, read-only where possible."});
  report(review, groups.sockets, critical, critical,
         {"runtime-socket-mounted",
          "Who speaks to this socket can start a privileged container or unit: it owns the host. A "
          "read-only mount does not prevent that.",
          "Do not mount it; give a proxy that allows single requests."});
  report(review, groups.bus, high, high,
         {"system-bus-mounted",
          "It speaks to the services of the host, systemd among them, with the rights of its uid.",
          "Do not mount the bus, or put xdg-dbus-proxy with a list of names before it."});
  report(review, groups.kubelet, critical, high,
         {"kubelet-directory-mounted",
          "It holds the secrets and tokens of every pod of this node, and the node's own "
          "credentials.",
          "Mount the single volume that it needs."});
  report(review, groups.devices, high, high,
         {"host-devices-mounted", "The device nodes of the host, its disks among them, are in it.",
          "Give it a /dev of its own with the single devices that it needs (--device)."});
  report(review, groups.directories, high, medium,
         {"host-directory-mounted",
          "What it writes there the host runs or believes (units, cron jobs, libraries, keys), and "
          "sockets in it answer.",
          "Mount the single file or directory that it needs, read-only where possible."});
}

}  // namespace cgwarden::diagnosis::audit
