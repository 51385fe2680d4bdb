#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/file.h"
#include "tests/launcher/root/hostile.h"
#include "tests/launcher/root/launched.h"

// A /proc that is the enemy's: what is mounted over it (CVE-2019-16884) and what the launcher
// itself writes through it (CVE-2025-52881).
namespace cgwarden::launcher {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
namespace fs = std::filesystem;

// Files as a procfs has them, in a directory.
void forge_procfs(const std::string& directory) {
  for (const char* below : {"/sys/net/ipv4", "/sys/kernel", "/self/attr/apparmor", "/self/ns",
                            "/thread-self/attr/apparmor"}) {
    fs::create_directories(directory + below);
  }
  for (const char* file :
       {"/sys/net/ipv4/ip_forward", "/sys/kernel/shmmni", "/self/timens_offsets",
        "/self/ns/time_for_children", "/self/oom_score_adj", "/self/attr/exec",
        "/self/attr/apparmor/exec", "/thread-self/attr/exec", "/thread-self/attr/apparmor/exec",
        "/thread-self/attr/apparmor/current"}) {
    ASSERT_TRUE(write_file_atomically(directory + file, "forged\n"));
  }
}

bool nothing_was_written(const std::string& directory) {
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && read_file(entry.path(), 100).value() != "forged\n") return false;
  }
  return true;
}

TEST(Cve201916884, AVolumeOverProcfsIsRefused) {
  const HostDirectory volume;
  forge_procfs(volume.path());
  const Rootfs rootfs;
  fs::create_directory_symlink("/proc", rootfs.path("/link"));
  const auto refusal = [&](const std::string& destination) {
    Spec spec = shell_spec(rootfs, "true");
    spec.mounts.push_back({destination, "bind", volume.path(), {"bind"}});
    return launch(spec).error.sentence();
  };
  for (const char* destination : {"/proc", "/proc/self", "/proc/sys", "/link", "/link/self/attr",
                                  "/data/../link/sys/net", "/proc/self/root/proc/sys"}) {
    EXPECT_THAT(refusal(destination), HasSubstr("cannot start: mount: " + std::string(destination)))
        << destination;
  }
}

TEST(Cve201916884, AnImageThatHasASymlinkForProcIsRefused) {
  const Rootfs rootfs;
  fs::remove(rootfs.path("/proc"));
  fs::create_directory_symlink("/tmp", rootfs.path("/proc"));
  const auto run = launch(rootfs, "true");
  ASSERT_FALSE(run.started);
  EXPECT_EQ(run.error.sentence(),
            "cannot start: mount: /proc is a symbolic link in the rootfs; proc is mounted on a "
            "real directory only: Too many levels of symbolic links");
}

// The container has a volume for its /proc; the real one is where the test can look at it.
Spec with_forged_procfs(const Rootfs& rootfs, const HostDirectory& volume,
                        const std::string& script) {
  Spec spec = shell_spec(rootfs, script);
  spec.mounts.front() = {"/kernel", "proc", "proc", {}};
  spec.mounts.push_back({"/proc", "bind", volume.path(), {"bind"}});
  spec.masked_paths.clear();
  spec.readonly_paths.clear();
  return spec;
}

TEST(Cve202552881, TheSettingsOfTheKernelGoToTheKernel) {
  const HostDirectory volume;
  forge_procfs(volume.path());
  const Rootfs rootfs;
  Spec spec = with_forged_procfs(rootfs, volume, "cat /kernel/sys/net/ipv4/ip_forward");
  spec.sysctl = {{"net.ipv4.ip_forward", "1"}};
  const auto run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "1\n");
  EXPECT_TRUE(nothing_was_written(volume.path()));
}

// The forged /proc is in place before the launch begins.
TEST(Cve202552881, InAJoinedMountNamespaceTheyGoToTheKernelToo) {
  const HostDirectory volume;
  forge_procfs(volume.path());
  const Rootfs rootfs;
  const Spec other = with_forged_procfs(rootfs, volume, "exec sleep 1000");
  SpawnRequest request;
  request.spec = &other;
  const auto running = spawn(request);
  ASSERT_TRUE(running) << running.error().sentence();
  Spec spec = shell_spec(rootfs, "cat /kernel/sys/kernel/shmmni /kernel/uptime");
  for (auto& entry : spec.namespaces) {
    if (entry.type != NamespaceType::mount) continue;
    entry.path = "/proc/" + std::to_string(running->pid) + "/ns/mnt";
  }
  spec.namespaces.push_back({NamespaceType::time, ""});
  spec.time_offsets = {{"boottime", {.secs = 2'000'000'000}}};
  spec.sysctl = {{"kernel.shmmni", "77"}};
  const auto run = launch(spec);
  ::kill(running->pid, SIGKILL);
  (void)wait_for(running->pid);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_THAT(run.output, StartsWith("77\n20"));
  EXPECT_TRUE(nothing_was_written(volume.path()));
}

TEST(Cve202552881, WhatExecSetsGoesToTheKernel) {
  const HostDirectory volume;
  forge_procfs(volume.path());
  const Rootfs rootfs;
  const OciContainer container(with_forged_procfs(rootfs, volume, "exec sleep 1000"));
  Process process = default_spec().process;
  process.args = {"/bin/cat", "/kernel/self/oom_score_adj"};
  process.oom_score_adj = 321;
  EXPECT_EQ(container.exec_process(process).output, "321\n");
  EXPECT_TRUE(nothing_was_written(volume.path()));
}

// The forged files would take any label: none is written there, and the command does not run
// without its label.
TEST(Cve202552881, ALabelIsNotWrittenIntoAForgedProcfs) {
  const HostDirectory volume;
  forge_procfs(volume.path());
  const Rootfs rootfs;
  Spec spec = with_forged_procfs(rootfs, volume, "exec sleep 1000");
  const OciContainer container(spec);
  const char* const refusal = "cannot start: procfs: /proc is not a procfs";
  spec.process.args = {"/bin/true"};
  spec.process.apparmor_profile = "no-such-profile";
  EXPECT_EQ(launch(spec).error.sentence(), refusal);
  const auto labelled = container.exec({"--apparmor", "no-such-profile"}, {"/bin/true"});
  EXPECT_EQ(labelled.exit_code, 255);
  EXPECT_THAT(labelled.output, HasSubstr(refusal));
  EXPECT_TRUE(nothing_was_written(volume.path()));
}

}  // namespace
}  // namespace cgwarden::launcher
