#include "diagnosis/audit/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>

#include <functional>
#include <string>
#include <vector>

#include "diagnosis/audit/container_origin.h"
#include "diagnosis/audit/mount_path.h"

namespace cgwarden::diagnosis::audit {
namespace {

using cgroup::MountLine;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

constexpr std::uint64_t kAll = (std::uint64_t{1} << 41) - 1;
constexpr std::uint64_t bit(int number) { return std::uint64_t{1} << number; }

constexpr unsigned kHostDisk = 1;
constexpr unsigned kHostRun = 2;

MountLine mount(std::uint64_t id, std::uint64_t parent, std::string point, std::string type,
                unsigned minor, std::string root = "/", std::string option = "rw") {
  return {.mount_point = std::move(point),
          .fs_type = std::move(type),
          .super_options = {"rw"},
          .options = {std::move(option)},
          .root = std::move(root),
          .id = id,
          .parent = parent,
          .device_major = 0,
          .device_minor = minor};
}

std::vector<MountLine> host_mounts() {
  return {mount(1, 0, "/", "ext4", kHostDisk), mount(2, 1, "/run", "tmpfs", kHostRun),
          mount(3, 1, "/proc", "proc", 3), mount(4, 1, "/dev", "devtmpfs", 4),
          mount(5, 1, "/sys", "sysfs", 5)};
}

// As a runtime sets it up with every wall there is.
Posture confined() {
  Posture posture;
  posture.pid = 42;
  posture.comm = "web";
  posture.cgroup = "/pods/web";
  for (auto& pair : posture.namespaces) pair = NamespacePair{"x:[2]", "x:[1]"};
  posture.status = ProcessStatus{.effective_uid = 101000,
                                 .inheritable = 0,
                                 .permitted = bit(CAP_NET_BIND_SERVICE),
                                 .effective = bit(CAP_NET_BIND_SERVICE),
                                 .bounding = bit(CAP_NET_BIND_SERVICE),
                                 .no_new_privs = true,
                                 .seccomp = 2};
  posture.all_capabilities = kAll;
  posture.uid_map = std::vector<IdRange>{{0, 100000, 65536}};
  posture.labels = std::vector<SecurityLabel>{{"AppArmor", "docker-default (enforce)"}};
  posture.mounts = MountTable{
      {mount(20, 19, "/", "overlay", 20), mount(21, 20, "/proc", "proc", 21),
       mount(22, 21, "/proc/sys", "proc", 21, "/sys", "ro"),
       mount(23, 21, "/proc/sysrq-trigger", "proc", 21, "/sysrq-trigger", "ro"),
       mount(24, 21, "/proc/kcore", "devtmpfs", 4, "/null"),
       mount(25, 20, "/sys", "sysfs", 25, "/", "ro"),
       mount(26, 25, "/sys/fs/cgroup", "cgroup2", 26, "/", "ro"),
       mount(27, 20, "/dev", "tmpfs", 27),
       mount(28, 20, "/etc/hosts", "ext4", kHostDisk, "/var/lib/docker/containers/1/hosts")},
      host_mounts()};
  posture.root_is_host_root = false;
  posture.sensitive_paths = std::vector<std::string>{"/proc/kcore"};
  posture.directories = std::vector<DirectoryHandle>{{"cwd", "/", 20}, {"fd/3", "/dev", 27}};
  posture.devices = std::vector<DeviceNode>{{"/dev/null", false, 1, 3}};
  posture.pids_max = EffectiveLimit{std::uint64_t{100}, "/pods"};
  posture.memory_max = EffectiveLimit{std::uint64_t{1} << 30, "/pods/web"};
  return posture;
}

// "high host-pid-namespace"
std::vector<std::string> ids(const Audit& audit) {
  std::vector<std::string> list;
  for (const auto& finding : audit.findings) {
    list.push_back(std::string(to_string(finding.severity)) + " " + finding.id);
  }
  return list;
}

void share(Posture& posture, NamespaceType type) {
  posture.namespaces.at(static_cast<std::size_t>(type)) = NamespacePair{"x:[1]", "x:[1]"};
}

void hold(Posture& posture, std::uint64_t capabilities) {
  ProcessStatus status = *posture.status;
  status.permitted = status.effective = status.bounding = capabilities;
  posture.status = status;
}

void change(Posture& posture, const std::function<void(ProcessStatus&)>& edit) {
  ProcessStatus status = *posture.status;
  edit(status);
  posture.status = status;
}

// On top of the root, or of the mount with the id `parent`.
void add_mount(Posture& posture, MountLine line) {
  MountTable table = *posture.mounts;
  table.own.push_back(std::move(line));
  posture.mounts = std::move(table);
}

struct Case {
  std::string what;
  std::function<void(Posture&)> edit;
  std::vector<std::string> expected;
};

void check(const std::vector<Case>& cases) {
  for (const auto& [what, edit, expected] : cases) {
    Posture posture = confined();
    edit(posture);
    const Audit result = audit(posture);
    EXPECT_THAT(ids(result), UnorderedElementsAreArray(expected)) << what;
    EXPECT_THAT(result.not_checked, IsEmpty()) << what;
    for (const auto& finding : result.findings) {
      EXPECT_THAT(finding.source, ::testing::StartsWith("/")) << finding.id;
      EXPECT_FALSE(finding.seen.empty() || finding.why.empty() || finding.remedy.empty())
          << finding.id;
    }
  }
}

TEST(Audit, AConfinedProcessHasNoFinding) {
  const Audit result = audit(confined());
  EXPECT_THAT(ids(result), IsEmpty());
  EXPECT_THAT(result.not_checked, IsEmpty());
  EXPECT_EQ(result.worst(), std::nullopt);
  EXPECT_FALSE(result.reaches(Severity::info));
}

TEST(Audit, SharedNamespaces) {
  using enum NamespaceType;
  check({
      {"pid", [](Posture& p) { share(p, pid); }, {"high host-pid-namespace"}},
      {"net", [](Posture& p) { share(p, net); }, {"high host-network-namespace"}},
      {"ipc", [](Posture& p) { share(p, ipc); }, {"medium host-ipc-namespace"}},
      {"mnt", [](Posture& p) { share(p, mnt); }, {"critical host-mount-namespace"}},
      {"uts", [](Posture& p) { share(p, uts); }, {"low host-uts-namespace"}},
      {"cgroup", [](Posture& p) { share(p, cgroup); }, {"low host-cgroup-namespace"}},
      {"user", [](Posture& p) { share(p, user); }, {"low host-user-namespace"}},
  });
}

TEST(Audit, RootOfTheHost) {
  const auto host_map = [](Posture& p) {
    p.uid_map = std::vector<IdRange>{{0, 0, 4294967295}};
    share(p, NamespaceType::user);
  };
  check({
      {"another user", host_map, {"low host-user-namespace"}},
      {"root",
       [&](Posture& p) {
         host_map(p);
         change(p, [](ProcessStatus& s) { s.effective_uid = 0; });
       },
       {"low host-user-namespace", "medium root-is-host-root"}},
      {"root of its own namespace is root of the host",
       [](Posture& p) { p.uid_map = std::vector<IdRange>{{0, 0, 1}}; },
       {"high root-is-host-root"}},
      {"an empty range maps nothing",
       [](Posture& p) { p.uid_map = std::vector<IdRange>{{0, 0, 0}, {1, 0, 1}}; },
       {}},
  });
}

TEST(Audit, CapabilitiesCountByTheUserNamespace) {
  const auto host_user = [](Posture& p, std::uint64_t set) {
    share(p, NamespaceType::user);
    hold(p, set);
  };
  check({
      {"all",
       [&](Posture& p) { host_user(p, kAll); },
       {"low host-user-namespace", "critical privileged"}},
      {"all of its own", [](Posture& p) { hold(p, kAll); }, {"medium privileged"}},
      {"all but one",
       [&](Posture& p) {
         host_user(p, bit(CAP_SYS_ADMIN) | bit(CAP_SYS_MODULE) | bit(CAP_SYS_RAWIO) |
                          bit(CAP_DAC_READ_SEARCH) | bit(CAP_SYS_PTRACE) | bit(CAP_BPF) |
                          bit(CAP_PERFMON) | bit(CAP_SYS_BOOT) | bit(CAP_NET_ADMIN) |
                          bit(CAP_MKNOD) | bit(CAP_NET_RAW));
       },
       {"low host-user-namespace", "critical capability-sys-admin",
        "critical capability-sys-module", "critical capability-sys-rawio",
        "critical capability-dac-read-search", "high capability-sys-ptrace", "high capability-bpf",
        "high capability-perfmon", "high capability-sys-boot", "medium capability-net-admin",
        "low capability-mknod", "low capability-net-raw"}},
      {"of its own",
       [](Posture& p) { hold(p, bit(CAP_SYS_ADMIN) | bit(CAP_NET_RAW)); },
       {"medium capability-sys-admin"}},
      {"the common default",
       [&](Posture& p) { host_user(p, bit(CAP_CHOWN) | bit(CAP_KILL) | bit(CAP_SETUID)); },
       {"low host-user-namespace"}},
      {"ptrace of the host's processes",
       [&](Posture& p) {
         host_user(p, bit(CAP_SYS_PTRACE));
         share(p, NamespaceType::pid);
       },
       {"low host-user-namespace", "high host-pid-namespace", "critical capability-sys-ptrace"}},
      {"the host's network",
       [&](Posture& p) {
         host_user(p, bit(CAP_NET_ADMIN));
         share(p, NamespaceType::net);
       },
       {"low host-user-namespace", "high host-network-namespace", "high capability-net-admin"}},
      {"a node with a disk",
       [&](Posture& p) {
         host_user(p, bit(CAP_MKNOD));
         p.devices = std::vector<DeviceNode>{{"/dev/sda", true, 8, 0}};
       },
       {"low host-user-namespace", "high capability-mknod", "high host-block-device"}},
      {"only bounded, and set-uid programs work",
       [&](Posture& p) {
         host_user(p, 0);
         change(p, [](ProcessStatus& s) {
           s.bounding = bit(CAP_SYS_ADMIN) | bit(CAP_MKNOD);
           s.no_new_privs = false;
         });
       },
       {"low host-user-namespace", "medium wide-bounding-set", "medium no-new-privs-off"}},
      {"inheritable",
       [](Posture& p) { change(p, [](ProcessStatus& s) { s.inheritable = 1; }); },
       {"low inheritable-capabilities"}},
  });
}

TEST(Audit, Confinement) {
  check({
      {"no seccomp",
       [](Posture& p) { change(p, [](ProcessStatus& s) { s.seccomp = 0; }); },
       {"high no-seccomp"}},
      {"strict", [](Posture& p) { change(p, [](ProcessStatus& s) { s.seccomp = 1; }); }, {}},
      {"new privileges",
       [](Posture& p) { change(p, [](ProcessStatus& s) { s.no_new_privs = false; }); },
       {"medium no-new-privs-off"}},
      {"AppArmor",
       [](Posture& p) { p.labels = std::vector<SecurityLabel>{{"AppArmor", "unconfined"}}; },
       {"medium apparmor-unconfined"}},
      {"SELinux",
       [](Posture& p) {
         p.labels = std::vector<SecurityLabel>{{"SELinux", "system_u:system_r:spc_t:s0"}};
       },
       {"medium selinux-unconfined"}},
      {"SELinux with a type",
       [](Posture& p) {
         p.labels =
             std::vector<SecurityLabel>{{"SELinux", "system_u:system_r:container_t:s0:c1,c2"}};
       },
       {}},
      {"no module", [](Posture& p) { p.labels = std::vector<SecurityLabel>{}; }, {}},
  });
}

TEST(Audit, WhatOfTheHostIsMounted) {
  const auto bound = [](std::string point, std::string root, unsigned minor,
                        std::string option = "rw") {
    return [=](Posture& p) { add_mount(p, mount(40, 20, point, "ext4", minor, root, option)); };
  };
  check({
      {"root", bound("/host", "/", kHostDisk), {"critical host-root-mounted"}},
      {"root read-only", bound("/host", "/", kHostDisk, "ro"), {"high host-root-mounted"}},
      {"docker",
       bound("/var/run/docker.sock", "/docker.sock", kHostRun),
       {"critical runtime-socket-mounted"}},
      {"containerd under another name, read-only",
       bound("/x", "/containerd/containerd.sock", kHostRun, "ro"),
       {"critical runtime-socket-mounted"}},
      {"crio", bound("/x", "/crio/crio.sock", kHostRun), {"critical runtime-socket-mounted"}},
      {"podman", bound("/x", "/podman/podman.sock", kHostRun), {"critical runtime-socket-mounted"}},
      {"systemd", bound("/x", "/systemd/private", kHostRun), {"critical runtime-socket-mounted"}},
      {"bus", bound("/x", "/dbus/system_bus_socket", kHostRun), {"high system-bus-mounted"}},
      {"the directory of all of them",
       bound("/run", "/", kHostRun),
       {"high host-directory-mounted"}},
      {"kubelet",
       bound("/k", "/var/lib/kubelet", kHostDisk),
       {"critical kubelet-directory-mounted"}},
      {"a pod's volume", bound("/k", "/var/lib/kubelet/pods/1/volumes/v", kHostDisk), {}},
      {"etc", bound("/etc", "/etc", kHostDisk), {"high host-directory-mounted"}},
      {"etc read-only", bound("/etc", "/etc", kHostDisk, "ro"), {"medium host-directory-mounted"}},
      {"a directory with a name alike", bound("/x", "/etcetera", kHostDisk), {}},
      {"dev", bound("/dev2", "/", 4), {"high host-devices-mounted"}},
      {"another disk", bound("/data", "/", 77), {}},
      {"root directory",
       [](Posture& p) { p.root_is_host_root = true; },
       {"critical host-root-directory"}},
  });
}

TEST(Audit, RootOnASubvolumeIsFoundThroughItsParent) {
  Posture posture = confined();
  MountTable table = *posture.mounts;
  table.host.front().root = "/@";
  table.own.push_back(mount(40, 20, "/all", "btrfs", kHostDisk, "/"));
  posture.mounts = table;
  EXPECT_THAT(ids(audit(posture)), ElementsAre("critical host-root-mounted"));
  // Another subvolume of the disk is not the root.
  table.own.back().root = "/@data";
  posture.mounts = table;
  EXPECT_THAT(ids(audit(posture)), IsEmpty());
}

TEST(Audit, ProcAndSys) {
  const auto root = [](Posture& p) {
    share(p, NamespaceType::user);
    change(p, [](ProcessStatus& s) { s.effective_uid = 0; });
  };
  const std::vector<std::string> host_user{"low host-user-namespace"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), host_user.begin(), host_user.end());
    return more;
  };
  check({
      {"a second procfs over the first",
       [&](Posture& p) {
         root(p);
         add_mount(p, mount(40, 21, "/proc", "proc", 21));
       },
       with({"critical writable-proc-sys", "high writable-sysrq-trigger", "medium kcore-visible"})},
      {"the same in a user namespace of its own",
       [](Posture& p) { add_mount(p, mount(40, 21, "/proc", "proc", 21)); },
       {"info writable-proc-sys", "info writable-sysrq-trigger", "info kcore-visible"}},
      {"the same for another user of the host",
       [](Posture& p) {
         share(p, NamespaceType::user);
         add_mount(p, mount(40, 21, "/proc", "proc", 21));
       },
       with({"low writable-proc-sys", "low writable-sysrq-trigger", "low kcore-visible"})},
      {"processes only",
       [&](Posture& p) {
         root(p);
         MountLine line = mount(40, 21, "/proc", "proc", 21);
         line.super_options.emplace_back("subset=pid");
         add_mount(p, line);
       },
       host_user},
      {"sysfs",
       [&](Posture& p) {
         root(p);
         add_mount(p, mount(40, 25, "/sys", "sysfs", 25));
       },
       with({"high writable-sysfs"})},
      {"cgroup v1",
       [&](Posture& p) {
         root(p);
         add_mount(p, mount(40, 20, "/cg", "cgroup", 30));
       },
       with({"critical writable-cgroup-v1"})},
      {"its own cgroups",
       [&](Posture& p) {
         root(p);
         add_mount(p, mount(40, 26, "/sys/fs/cgroup", "cgroup2", 26));
       },
       with({"low writable-cgroup"})},
      {"the host's cgroups",
       [&](Posture& p) {
         root(p);
         share(p, NamespaceType::cgroup);
         add_mount(p, mount(40, 26, "/sys/fs/cgroup", "cgroup2", 26));
       },
       with({"low host-cgroup-namespace", "high writable-cgroup"})},
      {"unmasked",
       [&](Posture& p) {
         root(p);
         p.sensitive_paths = std::vector<std::string>{"/proc/keys", "/sys/firmware"};
       },
       with({"low paths-unmasked"})},
  });
}

TEST(Audit, DevicesDirectoriesAndLimits) {
  check({
      {"disk",
       [](Posture& p) {
         share(p, NamespaceType::user);
         p.devices = std::vector<DeviceNode>{{"/dev/vda", true, 254, 0}};
       },
       {"low host-user-namespace", "high host-block-device"}},
      {"memory",
       [](Posture& p) { p.devices = std::vector<DeviceNode>{{"/dev/mem", false, 1, 1}}; },
       {"medium host-memory-device"}},
      {"a directory on a mount that is not its own",
       [](Posture& p) {
         p.directories = std::vector<DirectoryHandle>{{"cwd", "/", 20}, {"fd/7", "/sys/fs", 5}};
       },
       {"critical directory-outside-root"}},
      {"pids",
       [](Posture& p) { p.pids_max = EffectiveLimit{Max{}, "/"}; },
       {"medium no-pids-limit"}},
      {"memory limit",
       [](Posture& p) { p.memory_max = EffectiveLimit{Max{}, "/a"}; },
       {"medium no-memory-limit"}},
  });
}

TEST(Audit, APoorContainerOfUnshare) {
  using enum NamespaceType;
  Posture posture = confined();
  for (const auto type : {net, ipc, uts, cgroup, user}) share(posture, type);
  hold(posture, kAll);
  change(posture, [](ProcessStatus& s) {
    s.effective_uid = 0;
    s.seccomp = 0;
    s.no_new_privs = false;
  });
  posture.uid_map = std::vector<IdRange>{{0, 0, 4294967295}};
  posture.root_is_host_root = true;
  posture.mounts = MountTable{host_mounts(), host_mounts()};
  posture.directories = std::vector<DirectoryHandle>{{"cwd", "/", 1}};
  const Audit result = audit(posture);
  EXPECT_THAT(result.worst(), Severity::critical);
  EXPECT_EQ(result.findings.front().severity, Severity::critical);
  EXPECT_EQ(result.findings.back().severity, Severity::low);
  for (const auto* expected :
       {"critical privileged", "critical host-root-directory", "critical host-root-mounted",
        "critical writable-proc-sys", "high no-seccomp", "high host-network-namespace"}) {
    EXPECT_THAT(ids(result), Contains(expected));
  }
}

TEST(Audit, WhatWasNotReadIsNotCheckedAndNeverGood) {
  const Audit result = audit(Posture{});
  EXPECT_THAT(result.findings, IsEmpty());
  std::vector<std::string> checks;
  for (const auto& skipped : result.not_checked) {
    checks.push_back(skipped.check);
    EXPECT_FALSE(skipped.reason.empty());
  }
  EXPECT_THAT(checks,
              UnorderedElementsAre(
                  "pid namespace", "net namespace", "ipc namespace", "mnt namespace",
                  "uts namespace", "cgroup namespace", "user namespace", "user ids", "capabilities",
                  "security module", "seccomp and no_new_privs", "root directory", "host mounts",
                  "/proc and /sys", "devices", "open directories", "pids.max", "memory.max"));
  EXPECT_TRUE(result.reaches(Severity::critical));
}

TEST(Audit, AMissingPartHidesNoOther) {
  Posture posture = confined();
  posture.mounts = Seen<MountTable>::missing("cannot read /proc/42/mountinfo: run as root");
  posture.pids_max = Seen<EffectiveLimit>::missing("no cgroup");
  share(posture, NamespaceType::net);
  const Audit result = audit(posture);
  EXPECT_THAT(ids(result), ElementsAre("high host-network-namespace"));
  ASSERT_EQ(result.not_checked.size(), 4U);
  EXPECT_THAT(result.not_checked.front().reason, HasSubstr("mountinfo"));
  EXPECT_EQ(result.not_checked.back().check, "pids.max");
  // What could be medium at most does not reach high.
  Audit limits;
  limits.not_checked = {result.not_checked.back()};
  EXPECT_FALSE(limits.reaches(Severity::high));
  EXPECT_TRUE(limits.reaches(Severity::medium));
}

TEST(Audit, DirectoriesOfAChrootCannotBeJudged) {
  Posture posture = confined();
  posture.mounts = MountTable{{mount(21, 20, "/proc", "proc", 21, "/", "ro")}, host_mounts()};
  posture.directories = std::vector<DirectoryHandle>{{"cwd", "/", 20}};
  const Audit result = audit(posture);
  ASSERT_EQ(result.not_checked.size(), 1U);
  EXPECT_EQ(result.not_checked.front().check, "open directories");
  EXPECT_THAT(ids(result), Not(Contains("critical directory-outside-root")));
}

TEST(Severity, NamesAreReadBack) {
  for (const auto* name : {"info", "low", "medium", "high", "critical"}) {
    ASSERT_TRUE(severity_from(name));
    EXPECT_EQ(to_string(*severity_from(name)), name);
  }
  EXPECT_EQ(severity_from("never"), std::nullopt);
}

TEST(MountPath, TheWalkFindsTheMountOnTop) {
  const std::vector<MountLine> table{
      mount(1, 0, "/", "ext4", 1),     mount(2, 1, "/a", "tmpfs", 2),
      mount(3, 2, "/a/b", "tmpfs", 3), mount(4, 2, "/a", "tmpfs", 4),
      mount(5, 1, "/x/y", "tmpfs", 5), mount(6, 1, "/x", "tmpfs", 6)};
  // 4 is stacked on 2, so 3 is hidden; 6 came over the directory that holds 5.
  const std::vector<std::pair<std::string, std::uint64_t>> cases{
      {"/", 1}, {"/a", 4}, {"/a/b", 4}, {"/ab", 1}, {"/x/y", 6}, {"/x/y/z", 6}};
  for (const auto& [path, id] : cases) {
    ASSERT_NE(covering_mount(table, path), nullptr) << path;
    EXPECT_EQ(covering_mount(table, path)->id, id) << path;
  }
  EXPECT_EQ(covering_mount({mount(5, 1, "/x", "tmpfs", 5)}, "/"), nullptr);
  EXPECT_EQ(covering_mount({}, "/"), nullptr);
  // A table that no kernel shows must not hang.
  EXPECT_NE(
      covering_mount({mount(1, 1, "/", "a", 1), mount(2, 3, "/", "b", 2), mount(3, 2, "/", "c", 3)},
                     "/"),
      nullptr);
}

TEST(MountPath, HostPaths) {
  EXPECT_THAT(host_paths(mount(1, 0, "/x", "tmpfs", kHostRun, "/docker.sock"), host_mounts()),
              ElementsAre("/run/docker.sock"));
  EXPECT_THAT(host_paths(mount(1, 0, "/x", "tmpfs", kHostRun), host_mounts()), ElementsAre("/run"));
  EXPECT_THAT(host_paths(mount(1, 0, "/x", "ext4", kHostDisk), host_mounts()), ElementsAre("/"));
  EXPECT_THAT(host_paths(mount(1, 0, "/x", "ext4", 99), host_mounts()), IsEmpty());
}

TEST(ContainerOrigin, TheRuntimesPaths) {
  const std::string id(64, 'a');
  const std::vector<std::pair<std::string, std::string>> cases{
      {"/system.slice/docker-" + id + ".scope", "docker"},
      {"/docker/" + id, "docker"},
      {"/docker/" + id + "/init.scope", "docker"},
      {"/machine.slice/libpod-" + id + ".scope/container", "podman"},
      {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope",
       "podman"},
      {"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope", "containerd"},
      {"/kubepods.slice/kubepods-pod1.slice/crio-" + id + ".scope", "cri-o"},
      {"/kubepods/burstable/pod1/" + id, "kubernetes"},
      {"/default/" + id, "containerd"},
      {"/lxc.payload.web/system.slice/ssh.service", "lxc"},
      {"/lxc/web", "lxc"},
      {"/machine.slice/machine-web.scope", "nspawn"},
      {"/machine.slice/systemd-nspawn@web.service/payload", "nspawn"},
      {"/cgwarden.slice/web.scope/payload", "cgwarden"},
  };
  for (const auto& [path, runtime] : cases) {
    const auto origin = container_origin(path);
    ASSERT_TRUE(origin) << path;
    EXPECT_EQ(origin->runtime, runtime) << path;
    EXPECT_TRUE(origin->name == "web" || origin->name == id) << path;
  }
  for (const auto* path :
       {"", "/", "/system.slice/docker.service", "/cgwarden.slice/web.scope/supervisor",
        "/lxc.monitor.web", "/cgwarden.slice/.scope/payload",
        "/machine.slice/systemd-nspawn@web.service/supervisor",
        "/machine.slice/libpod-conmon-aaaa.scope", "/system.slice/docker-short.scope"}) {
    EXPECT_FALSE(container_origin(path)) << path;
  }
}

}  // namespace
}  // namespace cgwarden::diagnosis::audit
