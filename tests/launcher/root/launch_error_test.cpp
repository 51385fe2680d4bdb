#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/text.h"
#include "launcher/capabilities.h"
#include "tests/launcher/root/launched.h"

namespace cgwarden::launcher {
namespace {

namespace fs = std::filesystem;

struct Outcome {
  std::string sentence;
  int exit_code = 0;
  bool operator==(const Outcome&) const = default;
};
void PrintTo(const Outcome& outcome, std::ostream* stream) {
  *stream << outcome.sentence << " [" << outcome.exit_code << "]";
}

Outcome refused_launch(const Spec& spec) {
  const auto run = launch(spec);
  if (run.started) return {"started", 0};
  return {run.error.sentence(), run.error.exit_code()};
}

TEST(LaunchErrors, MissingRootfs) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "true");
  spec.root_path = "/no/such/rootfs";
  EXPECT_EQ(refused_launch(spec),
            (Outcome{"cannot start: rootfs: /no/such/rootfs; unpack an image there or correct "
                     "root.path: No such file or directory",
                     125}));
  spec.root_path = rootfs.path("/bin/busybox");
  EXPECT_EQ(refused_launch(spec).sentence,
            "cannot start: rootfs: " + spec.root_path +
                "; unpack an image into a directory and name that: Not a directory");
}

TEST(LaunchErrors, CommandNotFoundNotExecutableAndDirectory) {
  const Rootfs rootfs;
  rootfs.write("/bin/plain", "#!/bin/sh\n", 0644);
  rootfs.write("/bin/noloader", "#!/lib/ld-none\n", 0755);
  rootfs.write("/bin/garbage", "true\n", 0755);
  Spec spec = shell_spec(rootfs, "");
  spec.process.env = {"PATH=/bin:/usr/bin"};
  const auto outcome_of = [&](const std::string& command) {
    spec.process.args = {command};
    return refused_launch(spec);
  };
  EXPECT_EQ(outcome_of("serverd"),
            (Outcome{"cannot start: exec: serverd: executable file not found in $PATH: it is in no "
                     "directory of PATH "
                     "(/bin:/usr/bin) "
                     "inside the root file system: No such file or directory",
                     127}));
  EXPECT_EQ(outcome_of("/bin/serverd"),
            (Outcome{"cannot start: exec: /bin/serverd inside the root file system: No such file "
                     "or directory",
                     127}));
  EXPECT_EQ(outcome_of("plain"),
            (Outcome{"cannot start: exec: /bin/plain is not executable; chmod +x it: Permission "
                     "denied",
                     126}));
  EXPECT_EQ(outcome_of("/bin"),
            (Outcome{"cannot start: exec: /bin is a directory: Permission denied", 126}));
  EXPECT_EQ(outcome_of("noloader"),
            (Outcome{"cannot start: exec: /bin/noloader exists, but its interpreter /lib/ld-none "
                     "is not in the root file system: No such file or directory",
                     127}));
  EXPECT_EQ(outcome_of("garbage"),
            (Outcome{"cannot start: exec: /bin/garbage is neither a program for this machine nor a "
                     "script that begins with #!: Exec format error",
                     126}));
  spec.init = true;
  EXPECT_EQ(outcome_of("serverd").exit_code, 127);
}

TEST(LaunchErrors, EveryOtherStageNamesItsObject) {
  const Rootfs rootfs;
  const Spec good = shell_spec(rootfs, "true");
  Spec spec = good;
  spec.process.cwd = "/bin/busybox";
  EXPECT_EQ(refused_launch(spec),
            (Outcome{"cannot start: cwd: /bin/busybox inside the root file system: Not a directory",
                     125}));
  spec = good;
  spec.mounts.push_back({"/data", "bind", "/no/such/source", {"bind"}});
  EXPECT_EQ(refused_launch(spec).sentence,
            "cannot start: mount: the source /no/such/source cannot be bound: No such file or "
            "directory");
  spec = good;
  spec.mounts.push_back({"/data", "nosuchfs", "x", {}});
  EXPECT_EQ(refused_launch(spec).sentence,
            "cannot start: mount: nosuchfs is not a file system of this kernel: No such device");
  spec = good;
  spec.mounts.push_back({"/data", "tmpfs", "x", {"nosuchoption=1"}});
  EXPECT_EQ(refused_launch(spec).sentence,
            "cannot start: mount: tmpfs: the option nosuchoption=1 is refused (tmpfs: Unknown "
            "parameter 'nosuchoption'): Invalid argument");
  spec = good;
  spec.process.capabilities.bounding.emplace_back("CAP_FLY");
  EXPECT_EQ(refused_launch(spec).sentence,
            "cannot start: capabilities: CAP_FLY is not a capability");
  spec = good;
  spec.process.rlimits = {{"RLIMIT_NOFILE", 20, 10}};
  EXPECT_EQ(refused_launch(spec).sentence,
            "cannot start: rlimit: RLIMIT_NOFILE to 20/10 (raising a hard limit needs "
            "CAP_SYS_RESOURCE): Invalid argument");
  spec = good;
  spec.namespaces[1].path = "/no/ns";
  EXPECT_EQ(refused_launch(spec).sentence,
            "cannot start: namespace: the network namespace /no/ns cannot be opened: No such file "
            "or directory");
  spec = good;
  spec.hostname = std::string(100, 'x');
  EXPECT_EQ(refused_launch(spec).sentence,
            "cannot start: hostname: \"" + spec.hostname + "\": Invalid argument");
  spec = good;
  spec.namespaces.push_back({NamespaceType::user, ""});
  EXPECT_EQ(refused_launch(spec).sentence,
            "cannot start: user: a new user namespace needs uidMappings and gidMappings");
  spec = good;
  spec.process.args.clear();
  EXPECT_EQ(refused_launch(spec).sentence, "cannot start: exec: no command is given");
  std::erase_if(spec.namespaces,
                [](const Namespace& entry) { return entry.type == NamespaceType::mount; });
  EXPECT_EQ(refused_launch(spec).sentence,
            "cannot start: namespace: a rootfs needs a mount namespace");
}

TEST(LaunchErrors, WithoutCapSysAdminTheNeedIsNamed) {
  const Rootfs rootfs;
  const Spec spec = shell_spec(rootfs, "true");
  const std::string answer = rootfs.path("/answer");
  const pid_t child = ::fork();
  if (child == 0) {
    const bool dropped = apply_capabilities(CapabilitySets{}).has_value();
    const auto run = launch(spec);
    std::ofstream(answer) << (dropped ? run.error.sentence() : "not dropped");
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(read_file(answer, 1000).value(),
            "cannot start: clone: new namespaces need CAP_SYS_ADMIN; run as root or map a user "
            "namespace: Operation not permitted");
}

std::size_t entries_of(const std::string& directory) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

TEST(LaunchErrors, TwoHundredLaunchesLeaveNothingBehind) {
  const Rootfs rootfs;
  const auto count = [&] {
    const std::string mounts = read_file("/proc/self/mountinfo", 1U << 22U).value();
    return std::vector<std::size_t>{split(mounts, '\n').size(), entries_of("/proc/self/fd"),
                                    entries_of(rootfs.path()), entries_of(rootfs.path("/dev")),
                                    entries_of(rootfs.path("/tmp"))};
  };
  const Spec good = shell_spec(rootfs, "exit 0");
  Spec no_command = good;
  no_command.process.args = {"nothing"};
  Spec no_cwd = good;
  no_cwd.process.cwd = "/bin/busybox";
  Spec bad_mount = good;
  bad_mount.mounts.push_back({"/data", "nosuchfs", "x", {}});
  Spec with_init = no_command;
  with_init.init = true;
  const auto before = count();
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(launch(good).exit_code, 0);
    for (const Spec* spec : {&no_command, &no_cwd, &bad_mount, &with_init}) {
      EXPECT_FALSE(launch(*spec).started);
    }
  }
  EXPECT_EQ(count(), before);
  siginfo_t info{};
  EXPECT_EQ(::waitid(P_ALL, 0, &info, WEXITED | WNOHANG), -1) << "a child is left";
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace cgwarden::launcher
