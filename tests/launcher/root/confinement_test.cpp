#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "launcher/capabilities.h"
#include "tests/launcher/root/in_child.h"
#include "tests/launcher/root/launched.h"

namespace cgwarden::launcher {
namespace {

using testing::HasSubstr;

TEST(Confinement, HostPathsAreNotThere) {
  std::string host = testing::TempDir() + "cgwarden-host-XXXXXX";
  ASSERT_NE(::mkdtemp(host.data()), nullptr);
  const Rootfs rootfs;
  const auto run = launch(rootfs, "ls /; ls " + host + "; ls /proc/1/root/");
  std::filesystem::remove(host);
  EXPECT_THAT(run.output, HasSubstr("No such file or directory"));
  EXPECT_THAT(run.output, HasSubstr("bin\ndata\ndev\netc\nproc\nsys\ntmp\n"));
}

TEST(Confinement, CapabilitiesPrivilegesAndFilterAreAsGiven) {
  const Rootfs rootfs;
  const char* script = "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status";
  EXPECT_EQ(launch(rootfs, script).output,
            "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n"
            "CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n");
  Spec spec = shell_spec(rootfs, script);
  spec.process.user = {.uid = 1000, .gid = 1000, .additional_gids = {}, .umask = {}};
  const std::vector<std::string> one{"CAP_KILL"};
  spec.process.capabilities = {
      .bounding = one, .effective = one, .inheritable = one, .permitted = one, .ambient = one};
  spec.process.no_new_privileges = false;
  spec.seccomp = SeccompProfile::unconfined;
  EXPECT_EQ(launch(spec).output,
            "CapInh:\t0000000000000020\nCapPrm:\t0000000000000020\nCapEff:\t0000000000000020\n"
            "CapBnd:\t0000000000000020\nCapAmb:\t0000000000000020\nNoNewPrivs:\t0\nSeccomp:\t0\n");
}

// What `runc spec` writes: ambient without inheritable. The specification wants a warning, no
// failure.
TEST(Confinement, CapabilitiesThatCannotBeGrantedAreLeftOut) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "grep -E '^Cap[IPA]' /proc/self/status");
  const std::vector<std::string> two{"CAP_AUDIT_WRITE", "CAP_KILL"};
  spec.process.capabilities = {
      .bounding = two, .effective = two, .inheritable = {}, .permitted = two, .ambient = two};
  EXPECT_EQ(launch(spec).output,
            "CapInh:\t0000000000000000\nCapPrm:\t0000000020000020\nCapAmb:\t0000000000000000\n");
  spec.process.capabilities.ambient.clear();
  EXPECT_EQ(in_child([&] {
              const CapabilitySets all{.bounding = ~0ULL,
                                       .effective = ~(1ULL << 29U),
                                       .inheritable = 0,
                                       .permitted = ~(1ULL << 29U),
                                       .ambient = 0};
              if (Step done = apply_capabilities(all); !done) return done.error().sentence();
              const auto warnings = capability_warnings(spec.process.capabilities, false);
              if (warnings.empty()) return std::string("no warning");
              return warnings.front() + "\n" + launch(spec).output;
            }),
            "CAP_AUDIT_WRITE is not granted: this process does not have it itself\n"
            "CapInh:\t0000000000000000\nCapPrm:\t0000000000000020\nCapAmb:\t0000000000000000\n");
}

TEST(Confinement, WithoutNoNewPrivilegesTheFilterIsStillLoaded) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "grep -E '^(NoNewPrivs|Seccomp:)' /proc/self/status");
  spec.process.no_new_privileges = false;
  spec.process.user = {.uid = 5, .gid = 6, .additional_gids = {7}, .umask = {}};
  EXPECT_EQ(launch(spec).output, "NoNewPrivs:\t0\nSeccomp:\t2\n");
}

TEST(Confinement, ForbiddenCallsGetEperm) {
  const Rootfs rootfs;
  const auto run = launch(rootfs, "mount -t tmpfs x /tmp; unshare -m true; hostname other");
  EXPECT_THAT(run.output, HasSubstr("mount: permission denied"));
  EXPECT_THAT(run.output, HasSubstr("unshare"));
  EXPECT_THAT(run.output, HasSubstr("Operation not permitted"));
}

TEST(Confinement, UserGroupsUmaskAndWorkingDirectory) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "id; umask; echo $PWD $A; ulimit -n");
  spec.process.user = {.uid = 12, .gid = 34, .additional_gids = {56, 78}, .umask = 077};
  spec.process.cwd = "/data";
  spec.process.env.emplace_back("A=b");
  spec.process.rlimits = {{"RLIMIT_NOFILE", 77, 99}};
  EXPECT_EQ(launch(spec).output, "uid=12 gid=34 groups=56,78\n0077\n/data b\n77\n");
}

TEST(Confinement, NoDescriptorLeaks) {
  const Rootfs rootfs;
  const int leaky = ::dup(1);  // without close-on-exec
  const auto run = launch(rootfs, "exec ls /proc/self/fd");
  ::close(leaky);
  EXPECT_EQ(run.output, "0\n1\n2\n3\n");  // 3 is the directory that ls reads
}

TEST(Confinement, MaskedAndReadonlyPathsHold) {
  const Rootfs rootfs;
  const auto run =
      launch(rootfs,
             "for p in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do "
             "[ -e $p ] && cat $p | wc -c; done; "
             "for p in /proc/acpi /proc/scsi /sys/firmware; do [ -d $p ] && ls $p | wc -l; done; "
             "echo 1 > /proc/sys/kernel/randomize_va_space; for p in /proc/sysrq-trigger "
             "/proc/irq/default_smp_affinity; do "
             "[ -e $p ] && echo h > $p; done; "
             "touch /sys/x; touch /sys/fs/cgroup/x; touch /dev/null && echo done");
  for (const auto line : split(trim(run.output), '\n')) {
    if (line == "done") continue;
    EXPECT_TRUE(line == "0" || line.find("Read-only file system") != std::string_view::npos)
        << line;
  }
  EXPECT_THAT(run.output, HasSubstr("randomize_va_space: Read-only file system"));
  EXPECT_THAT(run.output, HasSubstr("/default_smp_affinity: Read-only file system"));
  EXPECT_THAT(run.output, HasSubstr("/sys/x: Read-only file system"));
  EXPECT_THAT(run.output, testing::EndsWith("done\n"));
}

TEST(Confinement, ADeviceMadeWithMknodOpensNothing) {
  const Rootfs rootfs;
  const auto run = launch(rootfs,
                          "for d in / /tmp /dev /dev/shm; do mknod $d/own c 1 5 && "
                          "dd if=$d/own of=/dev/null bs=1 count=1; done; "
                          "dd if=/dev/zero bs=3 count=1 of=/dev/full");
  std::size_t denied = 0;
  for (const auto line : split(run.output, '\n')) {
    if (line.ends_with("Permission denied")) ++denied;
  }
  EXPECT_EQ(denied, 4U) << run.output;
  EXPECT_THAT(run.output, HasSubstr("No space left on device"));
}

TEST(Confinement, ReadonlyRootAndHostname) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "touch /x; touch /dev/shm/x && hostname");
  spec.root_readonly = true;
  spec.hostname = "boxed";
  EXPECT_EQ(launch(spec).output, "touch: /x: Read-only file system\nboxed\n");
}

TEST(Confinement, NetworkIsLoopbackOnlyAndUp) {
  const Rootfs rootfs;
  const auto run =
      launch(rootfs, "cat /proc/net/dev | wc -l; ip addr show lo | grep -c LOOPBACK,UP");
  EXPECT_EQ(run.output, "3\n1\n");
}

TEST(Confinement, WithTheHostsNetworkItsInterfacesAreSeen) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "readlink /proc/self/ns/net");
  std::erase_if(spec.namespaces,
                [](const Namespace& entry) { return entry.type == NamespaceType::network; });
  const auto own = std::filesystem::read_symlink("/proc/self/ns/net").string();
  EXPECT_EQ(launch(spec).output, own + "\n");
}

TEST(Confinement, UserNamespaceMapsRootToAnotherUser) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "id -u; cat /proc/self/uid_map; echo x > /tmp/made");
  spec.namespaces.push_back({NamespaceType::user, ""});
  spec.uid_mappings = {{0, 100000, 65536}};
  spec.gid_mappings = {{0, 100000, 65536}};
  ASSERT_EQ(::chmod(rootfs.path("/tmp").c_str(), 0777), 0);
  const auto run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "0\n         0     100000      65536\n");
  struct stat status{};
  ASSERT_EQ(::stat(rootfs.path("/tmp/made").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 100000U);
}

TEST(Confinement, NamespacesCanBeJoinedByPath) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "readlink /proc/self/ns/ipc; readlink /proc/self/ns/pid");
  for (auto& entry : spec.namespaces) {
    if (entry.type == NamespaceType::ipc) entry.path = "/proc/self/ns/ipc";
    if (entry.type == NamespaceType::pid) entry.path = "/proc/self/ns/pid";
  }
  const auto run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, std::filesystem::read_symlink("/proc/self/ns/ipc").string() + "\n" +
                            std::filesystem::read_symlink("/proc/self/ns/pid").string() + "\n");
}

// A profile may forbid what the check before execve(2) asks with (faccessat2(2) since Linux 5.8).
TEST(Confinement, AProfileThatForbidsTheCheckDoesNotForbidTheCommand) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "echo runs");
  spec.process.no_new_privileges = false;  // the filter is loaded before the check then
  Seccomp profile;
  profile.default_action = "SCMP_ACT_ALLOW";
  profile.syscalls = {{.names = {"faccessat2", "newfstatat", "stat", "chdir", "getcwd"},
                       .action = "SCMP_ACT_ERRNO",
                       .errno_ret = 1,
                       .args = {}}};
  spec.seccomp_config = profile;
  const auto run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "runs\n");
}

// As other runtimes have it: the directory is entered before the user loses the right to.
TEST(Confinement, TheWorkingDirectoryMayBeClosedToTheUser) {
  const Rootfs rootfs;
  std::filesystem::create_directory(rootfs.path("/tmp/closed"));
  ASSERT_EQ(::chmod(rootfs.path("/tmp/closed").c_str(), 0700), 0);
  Spec spec = shell_spec(rootfs, "id -u; ls / > /dev/null && echo inside; ls . 2>&1");
  spec.process.user.uid = 1000;
  spec.process.cwd = "/tmp/closed";
  spec.process.capabilities = {};
  const auto run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "1000\ninside\nls: .: Permission denied\n");
}

TEST(Confinement, TheCallersGroupsStayWhereTheAnnotationSaysSo) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "id -G");
  spec.process.user.additional_gids = {7};
  const std::string own = launch(spec).output;
  EXPECT_EQ(own, "0 7\n");
  spec.annotations["run.oci.keep_original_groups"] = "1";
  const pid_t child = ::fork();
  if (child == 0) {
    const std::array<gid_t, 2> groups{41, 42};
    if (::setgroups(groups.size(), groups.data()) != 0) ::_exit(2);
    ::_exit(launch(spec).output == "0 41 42\n" ? 0 : 1);
  }
  EXPECT_EQ(wait_for(child).status, 0);
}

}  // namespace
}  // namespace cgwarden::launcher
