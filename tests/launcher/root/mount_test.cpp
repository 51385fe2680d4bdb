#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/text.h"
#include "launcher/container_mounts.h"
#include "launcher/idmap.h"
#include "launcher/mounts.h"
#include "tests/launcher/root/in_child.h"
#include "tests/launcher/root/launched.h"

namespace cgwarden::launcher {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string output_of(const Spec& spec) {
  const auto run = launch(spec);
  return run.started ? run.output : run.error.sentence();
}

// Fields 6 and 7 of mountinfo (options, propagation) of one mount point.
const char* const kShow =
    "show() { while read a b c d p o s x; do [ $p = $1 ] && echo $o $s; done "
    "< /proc/self/mountinfo; }; ";

TEST(Mounts, OptionsAreExactlyTheOnesGiven) {
  const Rootfs rootfs;
  const Rootfs volume;
  Spec spec = shell_spec(rootfs, std::string(kShow) +
                                     "show /data; show /tmp; show /vol; stat -c %a /tmp /etc; "
                                     "touch /vol/file && stat -c %s /vol/bin/busybox > /dev/null; "
                                     "show /etc/file");
  rootfs.write("/etc/file", "covered");
  volume.write("/etc/file", "volume");
  spec.mounts.push_back({"/data", "bind", volume.path(), {"bind"}});
  spec.mounts.push_back(
      {"/tmp/", "tmpfs", "tmpfs", {"nosuid", "noatime", "mode=1770", "size=64k"}});
  spec.mounts.push_back({"/vol", "none", volume.path(), {"rbind", "ro", "nodev", "sync"}});
  spec.mounts.push_back({"/etc/file", "bind", volume.path("/etc/file"), {"bind", "rro"}});
  EXPECT_EQ(output_of(spec),
            "rw,relatime -\nrw,nosuid,noatime -\nro,nodev,relatime -\n1770\n755\ntouch: "
            "/vol/file: Read-only file system\nro,relatime -\n");
}

TEST(Mounts, UnknownOptionsAreNamed) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "true");
  spec.mounts.push_back({"/data", "bind", rootfs.path("/etc"), {"bind", "copy-symlink"}});
  EXPECT_EQ(output_of(spec), "cannot start: mount: a bind mount has no option copy-symlink");
  spec.mounts.back() = {"/data", "ramfs", "x", {"tmpcopyup"}};
  EXPECT_EQ(output_of(spec),
            "cannot start: mount: /data: tmpcopyup is an option of tmpfs, not of ramfs");
  spec.mounts.back() = {"/proc", "proc", "proc", {"hidepid=nonsense"}};
  EXPECT_THAT(output_of(spec), HasSubstr("proc: the option hidepid=nonsense is refused"));
}

TEST(Mounts, CgroupOptionsAreTheKernelsOwnExceptThoseOfVersionOne) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "echo mounted");
  for (auto& mount : spec.mounts) {
    if (mount.type == "cgroup") mount.options = {"ro", "memory", "name=systemd", "xattr"};
  }
  EXPECT_EQ(output_of(spec), "mounted\n");
  for (auto& mount : spec.mounts) {
    if (mount.type == "cgroup") mount.options = {"ro", "no-such-option"};
  }
  EXPECT_THAT(output_of(spec), HasSubstr("cgroup2: the option no-such-option is refused"));
}

TEST(Mounts, AReadOnlyDevHasItsDevices) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, std::string(kShow) +
                                     "show /dev; echo x > /dev/null && echo written; "
                                     "ls /dev/pts/ptmx /dev/fuse0; touch /dev/f");
  spec.mounts[1].options.emplace_back("ro");
  Device pipe;
  pipe.path = "/dev/fuse0";
  pipe.type = 'p';
  spec.devices.push_back(pipe);
  EXPECT_EQ(output_of(spec),
            "ro,nosuid,nodev,noexec -\nwritten\n/dev/fuse0\n/dev/pts/ptmx\n"
            "touch: /dev/f: Read-only file system\n");
}

TEST(Mounts, ADevicesPathMayEndWithASlash) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "test -p /dev/pipe && echo there");
  Device pipe;
  pipe.path = "/dev/pipe/";
  pipe.type = 'p';
  spec.devices.push_back(pipe);
  EXPECT_EQ(output_of(spec), "there\n");
}

TEST(Mounts, DevicesOfTheHostAreNeitherExecutableNorSetuid) {
  const Rootfs rootfs;
  EXPECT_EQ(output_of(shell_spec(rootfs, std::string(kShow) + "show /dev/null; show /dev/tty")),
            "rw,nosuid,noexec,relatime -\nrw,nosuid,noexec,relatime -\n");
}

TEST(Mounts, ALinkToNothingIsATargetToBeMade) {
  const Rootfs rootfs;
  const Rootfs volume;
  volume.write("/etc/file", "volume");
  fs::create_symlink("/jump/hosts", rootfs.path("/etc/hosts"));
  fs::create_symlink("../run/deep/er", rootfs.path("/jump"));
  fs::create_symlink("circle", rootfs.path("/etc/circle"));
  Spec spec = shell_spec(rootfs, "cat /etc/hosts /run/deep/er/hosts; ls -d /run/deep/er/data");
  spec.mounts.push_back({"/etc/hosts", "bind", volume.path("/etc/file"), {"bind"}});
  spec.mounts.push_back({"/jump/data", "tmpfs", "tmpfs", {}});
  EXPECT_EQ(output_of(spec), "volumevolume/run/deep/er/data\n");
  spec.mounts.back() = {"/etc/circle", "tmpfs", "tmpfs", {}};
  EXPECT_THAT(output_of(spec), HasSubstr("/etc/circle cannot be made in the rootfs: Too many"));
}

TEST(Mounts, APathThatIsMaskedTwiceIsCoveredOnce) {
  const Rootfs rootfs;
  rootfs.write("/etc/file", "secret");
  Spec spec = shell_spec(rootfs,
                         "grep -c ' /etc/file ' /proc/self/mountinfo; cat /etc/file; "
                         "grep -c ' /bin ' /proc/self/mountinfo");
  spec.masked_paths = {"/etc/file", "/etc/file"};
  EXPECT_EQ(output_of(spec), "1\n0\n");
}

TEST(Mounts, ProcTakesHidepidAndSubset) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs,
                         "ls -d /proc/1; ls /proc/meminfo; cat /proc/self/mountinfo | "
                         "grep -c 'hidepid=invisible.*subset=pid'");
  spec.mounts[0].options = {"hidepid=2", "subset=pid"};
  spec.masked_paths.clear();
  spec.readonly_paths.clear();
  EXPECT_EQ(output_of(spec), "/proc/1\nls: /proc/meminfo: No such file or directory\n1\n");
}

TEST(Mounts, ATmpfsWithoutAModeHasThatOfWhatItCovers) {
  const Rootfs rootfs;
  ASSERT_EQ(::chmod(rootfs.path("/data").c_str(), 0711), 0);
  Spec spec = shell_spec(rootfs, "stat -c %a /data /new");
  spec.mounts.push_back({"/data", "tmpfs", "x", {}});
  spec.mounts.push_back({"/new", "tmpfs", "x", {}});
  EXPECT_EQ(output_of(spec), "711\n1777\n");
}

TEST(Mounts, TmpcopyupBeginsWithTheImagesContent) {
  const Rootfs rootfs;
  fs::create_directories(rootfs.path("/data/sub"));
  rootfs.write("/data/sub/file", "content", 04750);
  ASSERT_EQ(::chown(rootfs.path("/data/sub/file").c_str(), 12, 34), 0);
  ASSERT_EQ(::chmod(rootfs.path("/data/sub/file").c_str(), 04750), 0);
  ASSERT_EQ(::mkfifo(rootfs.path("/data/fifo").c_str(), 0600), 0);
  fs::create_symlink("/etc/shadow", rootfs.path("/data/link"));
  Spec spec = shell_spec(rootfs,
                         "stat -c '%a %u %g' /data/sub/file; cat /data/sub/file; echo; "
                         "readlink /data/link; ls /data; touch /data/x; "
                         "echo more > /tmp/y && cat /tmp/y");
  rootfs.write("/tmp/keep", "kept");
  spec.mounts.push_back({"/data", "tmpfs", "x", {"tmpcopyup", "ro"}});
  spec.mounts.push_back({"/tmp", "tmpfs", "x", {"tmpcopyup"}});
  EXPECT_EQ(output_of(spec),
            "4750 12 34\ncontent\n/etc/shadow\nfifo\nlink\nsub\ntouch: /data/x: Read-only file "
            "system\nmore\n");
  EXPECT_FALSE(fs::exists(rootfs.path("/tmp/y")));
}

TEST(Mounts, RemountChangesWhatIsThere) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, std::string(kShow) + "show /data; touch /data/x");
  spec.mounts.push_back({"/data", "tmpfs", "x", {"nosuid"}});
  spec.mounts.push_back({"/data", "", "", {"remount", "ro", "noexec"}});
  EXPECT_EQ(output_of(spec),
            "ro,nosuid,noexec,relatime -\ntouch: /data/x: Read-only file system\n");
}

// tmpfs, overlayfs and others learned it after Linux 6.1.
bool can_be_id_mapped(const std::string& directory) {
  Spec spec;
  spec.uid_mappings = spec.gid_mappings = {{0, 100000, 10}};
  spec.namespaces = {{NamespaceType::user, ""}};
  spec.mounts = {{"/data", "bind", directory, {"bind", "idmap"}}};
  const auto made = open_mount_sources(spec);
  EXPECT_TRUE(made ||
              made.error().text.ends_with("does not support id-mapped mounts in this kernel"));
  return made.has_value();
}

TEST(Mounts, IdMappedByItsOwnMapsOrTheContainers) {
  const Rootfs rootfs;
  const Rootfs volume;
  volume.write("/data/file", "x");
  ASSERT_EQ(::chown(volume.path("/data/file").c_str(), 5, 6), 0);
  Spec spec = shell_spec(rootfs, "stat -c %u:%g /data/file; echo > /data/new");
  spec.mounts.push_back({"/data", "bind", volume.path("/data"), {"bind", "idmap"}});
  EXPECT_EQ(output_of(spec),
            "cannot start: mount: /data is to be id-mapped, and neither it nor the container has "
            "both uidMappings and gidMappings");
  if (!can_be_id_mapped(volume.path("/data"))) GTEST_SKIP() << "not on this file system";
  spec.mounts.back().uid_mappings = {{0, 1000, 10}};
  spec.mounts.back().gid_mappings = {{0, 2000, 10}};
  // 0 of the container is nobody on this mount, so it writes nothing.
  EXPECT_EQ(output_of(spec),
            "1005:2006\n/bin/sh: can't create /data/new: Value too large for defined data type\n");
  spec.mounts.push_back({"/proc2", "proc", "proc", {"idmap"}});
  spec.mounts.back().uid_mappings = {{0, 1000, 10}};
  spec.mounts.back().gid_mappings = {{0, 1000, 10}};
  EXPECT_EQ(output_of(spec),
            "cannot start: mount: the mount of proc on /proc2 cannot be id-mapped; its file system "
            "does not support id-mapped mounts in this kernel: Invalid argument");
}

// What spawn's parent and child do for a container with a user namespace.
TEST(Mounts, InAUserNamespaceTheParentOpensTheSources) {
  const Rootfs rootfs;
  const Rootfs volume;
  volume.write("/data/file", "x");
  if (!can_be_id_mapped(volume.path("/data"))) GTEST_SKIP() << "not on this file system";
  ASSERT_EQ(::chmod(volume.path().c_str(), 0700), 0);  // closed for the container's root
  Spec spec = shell_spec(rootfs, "");
  spec.namespaces.push_back({NamespaceType::user, ""});
  spec.uid_mappings = {{0, 100000, 65536}};
  spec.gid_mappings = {{0, 100000, 65536}};
  spec.mounts = {{"/data", "bind", volume.path("/data"), {"bind", "idmap"}}};
  ASSERT_FALSE(launch(spec).started);
  const auto sources = open_mount_sources(spec);
  ASSERT_TRUE(sources) << sources.error().sentence();
  const auto maps = user_namespace_of(spec.uid_mappings, spec.gid_mappings);
  ASSERT_TRUE(maps);
  EXPECT_EQ(in_child([&] {
              if (::setns(maps->get(), CLONE_NEWUSER) != 0 || ::setresgid(0, 0, 0) != 0 ||
                  ::setresuid(0, 0, 0) != 0 || ::unshare(CLONE_NEWNS) != 0 ||
                  ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
                return std::string("no namespace");
              }
              const UniqueFd root(::open(rootfs.path().c_str(), O_PATH | O_DIRECTORY));
              const UniqueFd copy(::open_tree(root.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE));
              if (!attach(copy.get(), root.get())) return std::string("attach");
              Spec with_dev = spec;
              with_dev.mounts.push_back({"/dev", "tmpfs", "x", {}});
              MountSources given;
              given.mounts.emplace_back(::dup(sources->mounts[0].get()));
              given.mounts.emplace_back();
              const std::string result = said(mount_all(copy.get(), with_dev, &given));
              struct stat status{};
              ::fstatat(copy.get(), "data/file", &status, 0);
              return result + " " + std::to_string(status.st_uid);
            }),
            "done 0");
}

TEST(Mounts, InAUserNamespaceTheHostsViewsAreBoundWhenShared) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "ls -d /sys/class/net/lo /proc/self/status; touch /sys/x");
  spec.namespaces.push_back({NamespaceType::user, ""});
  spec.uid_mappings = {{0, 100000, 65536}};
  spec.gid_mappings = {{0, 100000, 65536}};
  std::erase_if(spec.namespaces, [](const Namespace& entry) {
    return entry.type == NamespaceType::network || entry.type == NamespaceType::pid ||
           entry.type == NamespaceType::ipc;
  });
  std::erase_if(spec.mounts, [](const Mount& mount) { return mount.type == "mqueue"; });
  EXPECT_EQ(output_of(spec),
            "/proc/self/status\n/sys/class/net/lo\ntouch: /sys/x: Read-only file system\n");
}

// One field of the kernel, which is cleared before anything is set in it.
TEST(Mounts, AccessTimesInEveryCombination) {
  const Rootfs rootfs;
  const Rootfs volume;
  struct Case {
    std::vector<std::string> options;
    const char* shown;
  };
  const std::vector<Case> binds{
      {{"rbind", "rnoatime"}, "rw,noatime -\n"},
      {{"rbind", "rrelatime"}, "rw,relatime -\n"},
      {{"rbind", "rstrictatime"}, "rw -\n"},
      {{"rbind", "ratime"}, "rw,relatime -\n"},
      {{"rbind", "rnodiratime"}, "rw,nodiratime,relatime -\n"},
      {{"rbind", "noatime", "rstrictatime"}, "rw -\n"},
      {{"rbind", "rnoatime", "rrelatime"}, "rw,relatime -\n"},
      {{"rbind", "ro", "rnoatime", "rnodiratime"}, "ro,noatime,nodiratime -\n"}};
  for (const auto& [options, shown] : binds) {
    Spec spec = shell_spec(rootfs, std::string(kShow) + "show /data");
    spec.mounts.push_back({"/data", "bind", volume.path(), options});
    EXPECT_EQ(output_of(spec), shown) << testing::PrintToString(options);
  }
  const std::vector<Case> fresh{{{"noatime", "rstrictatime"}, "rw -\n"},
                                {{"strictatime", "rnoatime"}, "rw,noatime -\n"},
                                {{"ro", "rrw", "noatime", "rrelatime"}, "rw,relatime -\n"}};
  for (const auto& [options, shown] : fresh) {
    Spec spec = shell_spec(rootfs, std::string(kShow) + "show /data");
    spec.mounts.push_back({"/data", "tmpfs", "tmpfs", options});
    EXPECT_EQ(output_of(spec), shown) << testing::PrintToString(options);
  }
}

// Where the host's tree is bound the options of the mount are those of all below it.
TEST(Mounts, AccessTimesOfAViewOfTheHosts) {
  const Rootfs rootfs;
  const std::vector<std::pair<std::vector<std::string>, const char*>> cases{
      {{"ro", "nosuid", "nodev", "noexec", "noatime"}, "ro,nosuid,nodev,noexec,noatime -\n"},
      {{"ro", "nosuid", "nodev", "noexec", "strictatime"}, "ro,nosuid,nodev,noexec -\n"},
      {{"ro", "nosuid", "nodev", "noexec", "noatime", "rrelatime"},
       "ro,nosuid,nodev,noexec,relatime -\n"}};
  for (const auto& [options, shown] : cases) {
    Spec spec = shell_spec(rootfs, std::string(kShow) + "show /data");
    std::erase_if(spec.namespaces,
                  [](const Namespace& entry) { return entry.type == NamespaceType::cgroup; });
    spec.mounts.push_back({"/data", "cgroup", "cgroup", options});
    EXPECT_EQ(output_of(spec), shown) << testing::PrintToString(options);
  }
}

TEST(Mounts, InAJoinedUserNamespaceTheMapsAreThoseOfThatNamespace) {
  const Rootfs rootfs;
  const Rootfs volume;
  volume.write("/data/file", "x");
  if (!can_be_id_mapped(volume.path("/data"))) GTEST_SKIP() << "not on this file system";
  ASSERT_EQ(::chown(volume.path("/data/file").c_str(), 5, 6), 0);
  const auto user = user_namespace_of({{0, 100000, 65536}}, {{0, 200000, 65536}});
  ASSERT_TRUE(user) << user.error().sentence();
  for (const char* option : {"idmap", "ridmap"}) {
    Spec spec = shell_spec(rootfs, "stat -c %u:%g /data/file");
    spec.namespaces.push_back(
        {NamespaceType::user, "/proc/self/fd/" + std::to_string(user->get())});
    spec.mounts.push_back({"/data", "bind", volume.path("/data"), {"rbind", option}});
    EXPECT_EQ(output_of(spec), "5:6\n") << option;
  }
}

// More than the caller may have open at once, until it raises its own limit.
TEST(Mounts, HundredsOfBindsInAUserNamespaceNeedFewDescriptors) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "ulimit -n; ulimit -Hn; cat /data/299");
  rootfs.write("/etc/file", "bound\n");
  spec.namespaces.push_back({NamespaceType::user, ""});
  spec.uid_mappings = {{0, 100000, 65536}};
  spec.gid_mappings = {{0, 100000, 65536}};
  spec.mounts.push_back({"/data", "tmpfs", "tmpfs", {}});
  for (int i = 0; i < 300; ++i) {
    spec.mounts.push_back(
        {"/data/" + std::to_string(i), "bind", rootfs.path("/etc/file"), {"bind"}});
  }
  spec.process.rlimits.clear();
  EXPECT_EQ(in_child([&] {
              const rlimit few{.rlim_cur = 128, .rlim_max = 5000};
              if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return std::string("no limit");
              return output_of(spec);
            }),
            "128\n5000\nbound\n");
}

TEST(Devices, AreMadeWithModeAndOwner) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs,
                         "stat -c '%n %F %t:%T %a %u:%g' /dev/a /dev/sub/b /dev/p /dev/null; "
                         "dd if=/dev/a of=/dev/null bs=5 count=1 && echo read");
  spec.mounts[1].options = {"nosuid", "mode=755"};
  spec.devices = {{.path = "/dev/a",
                   .type = 'c',
                   .major = 1,
                   .minor = 5,
                   .file_mode = 0640,
                   .uid = 7,
                   .gid = 8},
                  {.path = "/dev/sub/b",
                   .type = 'b',
                   .major = 7,
                   .minor = 200,
                   .file_mode = {},
                   .uid = {},
                   .gid = {}},
                  {.path = "/dev/p",
                   .type = 'p',
                   .major = 0,
                   .minor = 0,
                   .file_mode = 0600,
                   .uid = {},
                   .gid = {}},
                  {.path = "/dev/null",
                   .type = 'u',
                   .major = 1,
                   .minor = 3,
                   .file_mode = 0622,
                   .uid = {},
                   .gid = {}}};
  EXPECT_THAT(output_of(spec),
              testing::StartsWith("/dev/a character special file 1:5 640 7:8\n"
                                  "/dev/sub/b block special file 7:c8 666 0:0\n"
                                  "/dev/p fifo 0:0 600 0:0\n"
                                  "/dev/null character special file 1:3 622 0:0\n"));
  EXPECT_THAT(output_of(spec), HasSubstr("read\n"));
}

TEST(Devices, AreBoundWhereANodeWouldOpenNothing) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs,
                         "dd if=/dev/own of=/dev/null bs=5 count=1 && echo read; "
                         "stat -c %t:%T /dev/own");
  // Under another name than the host's: found by its number.
  spec.devices = {{.path = "/dev/own",
                   .type = 'c',
                   .major = 1,
                   .minor = 5,
                   .file_mode = {},
                   .uid = {},
                   .gid = {}}};
  EXPECT_THAT(output_of(spec), HasSubstr("read\n1:5\n"));
  spec.namespaces.push_back({NamespaceType::user, ""});
  spec.uid_mappings = {{0, 100000, 65536}};
  spec.gid_mappings = {{0, 100000, 65536}};
  spec.mounts[1].options = {"mode=755"};
  EXPECT_THAT(output_of(spec), HasSubstr("read\n1:5\n"));
  spec.devices[0].minor = 250;
  EXPECT_EQ(output_of(spec),
            "cannot start: dev: the host's /dev/own cannot be opened: No such file or directory");
  spec.devices[0].path = "/proc/own";
  EXPECT_EQ(output_of(spec),
            "cannot start: devices: /proc/own is inside a file system of the kernel");
}

// Privileged containers list every device of the host.
TEST(Devices, TheHostsPtmxDoesNotReplaceTheLinkToTheContainersOwn) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "readlink /dev/ptmx; stat -L -c %t:%T /dev/ptmx");
  spec.devices = {{.path = "/dev/ptmx",
                   .type = 'c',
                   .major = 5,
                   .minor = 2,
                   .file_mode = 0666,
                   .uid = 0,
                   .gid = 0}};
  EXPECT_EQ(output_of(spec), "pts/ptmx\n5:2\n");
}

TEST(Devices, WithoutAMountOnDevTheRootfsGetsThem) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "dd if=/dev/zero of=/dev/full bs=1 count=1; readlink /dev/stdin");
  std::erase_if(spec.mounts,
                [](const Mount& mount) { return mount.destination.starts_with("/dev"); });
  for (int i = 0; i < 2; ++i) {  // the second one finds what the first one left
    EXPECT_THAT(output_of(spec), HasSubstr("No space left on device"));
    EXPECT_THAT(output_of(spec), testing::EndsWith("/proc/self/fd/0\n"));
  }
}

TEST(RootfsOptions, TheWorkingDirectoryIsMade) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "pwd; touch x");
  spec.process.cwd = "/srv/deep/er";
  spec.root_readonly = true;
  EXPECT_EQ(output_of(spec), "/srv/deep/er\ntouch: x: Read-only file system\n");
}

TEST(RootfsOptions, NodevUnlessThereAreDeviceRules) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "dd if=/node of=/dev/null bs=5 count=1 && echo read");
  ASSERT_EQ(::mknod(rootfs.path("/node").c_str(), S_IFCHR | 0666, makedev(1, 5)), 0);
  EXPECT_THAT(output_of(spec), HasSubstr("Permission denied"));
  spec.resources.devices = {
      {.allow = true, .type = 'a', .major = {}, .minor = {}, .access = "rwm"}};
  EXPECT_THAT(output_of(spec), HasSubstr("read\n"));
}

}  // namespace
}  // namespace cgwarden::launcher
