#include "launcher/network_ahead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "launcher/container_mounts.h"
#include "launcher/rootfs.h"
#include "tests/launcher/root/in_child.h"
#include "tests/launcher/root/launched.h"

namespace cgwarden::launcher {
namespace {

const std::string kOwnNetwork = std::filesystem::read_symlink("/proc/self/ns/net");
constexpr const char* kShowNetwork = "readlink /proc/self/ns/net";
constexpr const char* kShowInterfaces = "grep -c : /proc/net/dev; grep -o lo: /proc/net/dev";

void expect_another_network(const Spec& spec) {
  const Launched run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_THAT(run.output, testing::StartsWith("net:["));
  EXPECT_NE(run.output, kOwnNetwork + "\n");
}

// First of all mounts, so before sysfs.
void bind_first(Spec& spec, const std::string& source, const std::string& type) {
  spec.mounts.insert(
      spec.mounts.begin(),
      {.destination = "/data/bound", .type = type, .source = source, .options = {"bind"}});
}

TEST(NetworkAhead, IsAThreadsWorkForTheDefaultSpec) {
  const Rootfs rootfs;
  const Spec spec = shell_spec(rootfs, kShowInterfaces);
  if (std::filesystem::exists("/sys/devices/system/cpu/cpu1")) {
    EXPECT_TRUE(NetworkAhead::fits(spec));
  }
  EXPECT_EQ(launch(spec).output, "1\nlo:\n");
  expect_another_network(shell_spec(rootfs, kShowNetwork));
}

TEST(NetworkAhead, IsEnteredWhereNothingShowsANetwork) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, kShowNetwork);
  std::erase_if(spec.mounts, [](const Mount& mount) { return mount.type == "sysfs"; });
  expect_another_network(spec);
}

TEST(NetworkAhead, IsEnteredBeforeABindThatCouldShowTheHosts) {
  const Rootfs rootfs;
  for (const char* type : {"bind", "none", "tmpfs"}) {
    Spec spec = shell_spec(rootfs, "grep -c : /data/bound; grep -o lo: /data/bound");
    bind_first(spec, "/proc/self/net/dev", type);
    const Launched run = launch(spec);
    ASSERT_TRUE(run.started) << type << ": " << run.error.sentence();
    EXPECT_EQ(run.output, "1\nlo:\n") << type;
  }
}

// The thread is the parent's: none of the container's tasks, nor of its memory.
TEST(NetworkAhead, IsNoneOfTheContainersTasks) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "sh -c 'echo $$' & wait");
  spec.resources.pids_limit = 1;
  spec.resources.memory.limit = 4 << 20;
  if (std::filesystem::exists("/sys/devices/system/cpu/cpu1")) {
    EXPECT_TRUE(NetworkAhead::fits(spec));
  }
  EXPECT_EQ(launch(spec).output, "2\n");
  for (const bool init : {false, true}) {
    spec.init = init;
    spec.process.args.back() = kShowNetwork;
    expect_another_network(spec);
  }
}

TEST(NetworkAhead, GoesWithATimeNamespace) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, kShowNetwork);
  spec.namespaces.push_back({.type = NamespaceType::time, .path = ""});
  expect_another_network(spec);
}

TEST(NetworkAhead, IsNotForOneThatAnotherUserNamespaceOwns) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, kShowNetwork);
  spec.namespaces.push_back({.type = NamespaceType::user, .path = ""});
  EXPECT_FALSE(NetworkAhead::fits(spec));
}

TEST(NetworkAhead, IsMadeAnewWhereItCouldNotBeMade) {
  EXPECT_EQ(in_child([&] {
              const Step done = enter_new_network(UniqueFd());
              const std::string now = std::filesystem::read_symlink("/proc/self/ns/net");
              return said(done) + (now == kOwnNetwork ? " in the old one" : " in another one");
            }),
            "done in another one");
}

// A library that calls spawn() may have threads, which share root and working directory with it.
TEST(NetworkAhead, AThreadKeepsNobodyOutOfItsRootfs) {
  const Rootfs rootfs;
  const Spec spec = shell_spec(rootfs, "true");
  EXPECT_EQ(in_child([&] {
              if (::unshare(CLONE_NEWNS | CLONE_NEWCGROUP) != 0) return std::string("unshare");
              const auto root = open_rootfs(spec);
              if (!root) return root.error().sentence();
              if (const Step done = mount_all(root->get(), spec); !done) return said(done);
              std::thread([] { ::pause(); }).detach();
              return said(enter_rootfs(root->get(), spec));
            }),
            "done");
}

}  // namespace
}  // namespace cgwarden::launcher
