#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>

#include "launcher/idmap.h"
#include "launcher/namespaces.h"
#include "tests/launcher/root/hostile.h"
#include "tests/launcher/root/in_child.h"
#include "tests/launcher/root/launched.h"

// Namespaces that belong to another user namespace than that of the container: an engine has made
// them for a pod, or they are the host's.
namespace cgwarden::launcher {
namespace {

// A process in namespaces of its own, which belong to the user namespace of the test.
class Pod {
 public:
  explicit Pod(std::uint64_t more = 0) {
    clone_args arguments{};
    arguments.flags =
        more | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID | CLONE_NEWCGROUP;
    arguments.exit_signal = SIGCHLD;
    pid_ = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
    // kill(2) of -1 is everybody.
    if (pid_ < 0) std::abort();
    if (pid_ == 0) {
      for (;;) ::pause();
    }
  }
  Pod(const Pod&) = delete;
  Pod& operator=(const Pod&) = delete;
  ~Pod() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string path(NamespaceType type) const {
    return "/proc/" + std::to_string(pid_) + "/ns/" + namespace_file(type);
  }
  [[nodiscard]] std::string name(NamespaceType type) const {
    return std::filesystem::read_symlink(path(type)).string();
  }

 private:
  pid_t pid_ = -1;
};

constexpr std::array kShared{NamespaceType::network, NamespaceType::ipc, NamespaceType::uts,
                             NamespaceType::cgroup, NamespaceType::pid};

// A container in a user namespace that shows where it is, and joins what `pod` has.
Spec joining(const Rootfs& rootfs, const Pod& pod, std::span<const NamespaceType> joined) {
  std::string script;
  for (const auto type : kShared) {
    script += std::string("readlink /proc/self/ns/") + namespace_file(type) + "; ";
  }
  Spec spec = shell_spec(rootfs, script + "cat /proc/self/uid_map");
  for (auto& entry : spec.namespaces) {
    if (std::ranges::find(joined, entry.type) != joined.end()) entry.path = pod.path(entry.type);
  }
  spec.namespaces.push_back({NamespaceType::user, ""});
  spec.uid_mappings = {{0, 100000, 65536}};
  spec.gid_mappings = {{0, 100000, 65536}};
  // Whose views need the right to mount them.
  std::erase_if(spec.mounts, [](const Mount& mount) {
    return mount.type == "sysfs" || mount.type == "mqueue" || mount.type == "cgroup" ||
           mount.type == "proc";
  });
  spec.mounts.push_back({"/proc", "bind", "/proc", {"rbind"}});
  spec.masked_paths.clear();
  spec.readonly_paths.clear();
  return spec;
}

std::string expected(const Pod& pod) {
  std::string text;
  for (const auto type : kShared) text += pod.name(type) + "\n";
  return text + "         0     100000      65536\n";
}

TEST(ForeignNamespaces, AreJoinedByANewUserNamespace) {
  const Rootfs rootfs;
  const Pod pod;
  const Launched run = launch(joining(rootfs, pod, kShared));
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, expected(pod));
}

TEST(ForeignNamespaces, EachAlone) {
  const Rootfs rootfs;
  const Pod pod;
  for (const auto type : kShared) {
    const std::array one{type};
    const Launched run = launch(joining(rootfs, pod, one));
    ASSERT_TRUE(run.started) << run.error.sentence();
    EXPECT_THAT(run.output, testing::HasSubstr(pod.name(type) + "\n"));
    EXPECT_THAT(run.output, testing::EndsWith("         0     100000      65536\n"));
  }
}

TEST(ForeignNamespaces, AreJoinedBesideAUserNamespaceByPath) {
  const Rootfs rootfs;
  const Pod pod;
  const auto user = user_namespace_of({{0, 100000, 65536}}, {{0, 100000, 65536}});
  ASSERT_TRUE(user) << user.error().sentence();
  Spec spec = joining(rootfs, pod, kShared);
  spec.namespaces.back().path = "/proc/self/fd/" + std::to_string(user->get());
  const Launched run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, expected(pod));
}

// Who is nobody before has the rights only in the user namespace: those of its own are joined then.
TEST(ForeignNamespaces, WithoutPrivilegesTheUserNamespaceComesFirst) {
  const Rootfs rootfs;
  constexpr unsigned kNobody = 12345;
  EXPECT_EQ(in_child([&] {
              if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
                  ::setresuid(kNobody, kNobody, kNobody) != 0 ||
                  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) {
                return std::string("cannot change the user");
              }
              const Pod pod(CLONE_NEWUSER);
              Spec spec = joining(rootfs, pod, kShared);
              spec.uid_mappings = {{0, kNobody, 1}};
              spec.gid_mappings = {{0, kNobody, 1}};
              if (const Step mapped = write_id_maps(spec, pod.pid()); !mapped) return said(mapped);
              spec.namespaces.back().path = pod.path(NamespaceType::user);
              // Its gid is not mapped.
              std::erase_if(spec.mounts, [](const Mount& mount) { return mount.type == "devpts"; });
              const Launched run = launch(spec);
              if (!run.started) return run.error.sentence();
              std::string names;
              for (const auto type : kShared) names += pod.name(type) + "\n";
              return run.output.starts_with(names) ? std::string("joined") : run.output;
            }),
            "joined");
}

// With a mount namespace by path there is no rootfs: the shell is that of the namespace.
Spec joining_mounts(const Rootfs& rootfs, const Pod& pod, std::span<const NamespaceType> joined) {
  Spec spec = joining(rootfs, pod, joined);
  spec.process.args = {"/bin/sh", "-c",
                       "readlink /proc/self/ns/mnt; readlink /proc/self/ns/uts; cat "
                       "/proc/self/uid_map"};
  for (auto& entry : spec.namespaces) {
    if (entry.type == NamespaceType::mount) entry.path = pod.path(NamespaceType::mount);
  }
  return spec;
}

constexpr const char* kMapped = "\n         0     100000      65536\n";

TEST(ForeignNamespaces, TheMountNamespaceIsJoinedByANewUserNamespace) {
  const Rootfs rootfs;
  const Pod pod(CLONE_NEWNS);
  const Launched run = launch(joining_mounts(rootfs, pod, {}));
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_THAT(run.output, testing::StartsWith(pod.name(NamespaceType::mount) + "\n"));
  EXPECT_THAT(run.output, testing::EndsWith(kMapped));
}

TEST(ForeignNamespaces, TheMountNamespaceIsJoinedBesideOthers) {
  const Rootfs rootfs;
  const Pod pod(CLONE_NEWNS);
  const auto user = user_namespace_of({{0, 100000, 65536}}, {{0, 100000, 65536}});
  ASSERT_TRUE(user) << user.error().sentence();
  for (const bool by_path : {false, true}) {
    Spec spec = joining_mounts(rootfs, pod, kShared);
    if (by_path) spec.namespaces.back().path = "/proc/self/fd/" + std::to_string(user->get());
    const Launched run = launch(spec);
    ASSERT_TRUE(run.started) << run.error.sentence();
    EXPECT_EQ(run.output,
              pod.name(NamespaceType::mount) + "\n" + pod.name(NamespaceType::uts) + kMapped);
  }
}

// As every container has it: a covered file in /proc, and the kernel permits no procfs of one's
// own.
TEST(ForeignNamespaces, SettingsOfTheKernelGoPastTheMaskedProcOfTheJoinedMounts) {
  const Rootfs rootfs;
  const Pod pod(CLONE_NEWNS);
  EXPECT_EQ(in_child([&] {
              const std::string mounts = pod.path(NamespaceType::mount);
              const UniqueFd entered(::open(mounts.c_str(), O_RDONLY | O_CLOEXEC));
              if (::setns(entered.get(), CLONE_NEWNS) != 0 ||
                  ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
                  ::mount("/dev/null", "/proc/interrupts", nullptr, MS_BIND, nullptr) != 0 ||
                  ::mount("/proc/sys", "/proc/sys", nullptr, MS_BIND, nullptr) != 0 ||
                  ::mount(nullptr, "/proc/sys", nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY,
                          nullptr) != 0) {
                return std::string(std::strerror(errno));
              }
              return std::string("masked");
            }),
            "masked");
  Spec spec = joining_mounts(rootfs, pod, {});
  spec.namespaces.push_back({NamespaceType::time, ""});
  spec.time_offsets = {{"boottime", {.secs = 1'000'000, .nanosecs = 0}}};
  spec.sysctl = {{"net.ipv4.ip_forward", "1"}};
  spec.process.args.back() =
      "cat /proc/sys/net/ipv4/ip_forward; test $(cut -d. -f1 /proc/uptime) -gt 1000000; echo $?";
  const Launched run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "1\n0\n");
}

// Also where that is the namespace of the runtime itself.
TEST(ForeignNamespaces, ExecGoesIntoTheJoinedMountNamespace) {
  const Rootfs rootfs;
  const Pod own(CLONE_NEWNS);
  const Pod hosts;
  for (const Pod* pod : {&own, &hosts}) {
    constexpr std::array kJoined{NamespaceType::uts};
    Spec spec = joining_mounts(rootfs, *pod, kJoined);
    spec.process.args = {"/bin/sleep", "1000"};
    const OciContainer container(spec);
    const auto said = container.exec("readlink /proc/self/ns/mnt; cat /proc/self/uid_map");
    EXPECT_EQ(said.output, pod->name(NamespaceType::mount) + kMapped);
  }
}

TEST(ForeignNamespaces, ExecGoesWhereTheContainerIs) {
  const Rootfs rootfs;
  const Pod pod;
  constexpr std::array kJoined{NamespaceType::network, NamespaceType::uts};
  Spec spec = joining(rootfs, pod, kJoined);
  spec.process.args = {"/bin/sleep", "1000"};
  const OciContainer container(spec);
  const auto said = container.exec(
      "readlink /proc/self/ns/net; readlink /proc/self/ns/uts; cat /proc/self/uid_map");
  EXPECT_EQ(said.output, pod.name(NamespaceType::network) + "\n" + pod.name(NamespaceType::uts) +
                             "\n         0     100000      65536\n");
}

// The host's procfs, sysfs or mqueue would show the host and not what has been joined.
TEST(ForeignNamespaces, TheHostsViewsAreNotShownInTheirPlace) {
  const Rootfs rootfs;
  const Pod pod;
  struct View {
    NamespaceType type;
    const char* destination;
    const char* file_system;
  };
  for (const View& view : {View{NamespaceType::network, "/sys", "sysfs"},
                           View{NamespaceType::ipc, "/dev/mqueue", "mqueue"},
                           View{NamespaceType::pid, "/data", "proc"}}) {
    const std::array joined{view.type};
    Spec spec = joining(rootfs, pod, joined);
    spec.mounts.push_back({view.destination, view.file_system, view.file_system, {}});
    const Launched run = launch(spec);
    ASSERT_FALSE(run.started) << run.output;
    EXPECT_EQ(run.error.stage, "mount");
    EXPECT_THAT(run.error.text, testing::HasSubstr(view.file_system));
    EXPECT_THAT(run.error.text, testing::HasSubstr("belongs to another user namespace"));
  }
}

}  // namespace
}  // namespace cgwarden::launcher
