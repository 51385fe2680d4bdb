// Device nodes of the host, and files that are none, within reach of a container.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "tests/launcher/root/hostile.h"

namespace cgwarden::launcher {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// What `cgwarden-oci --cgroup-manager=disabled run` prints.
std::string run_without_cgroup(const Spec& spec) {
  const HostDirectory bundle;
  EXPECT_TRUE(write_file_atomically(bundle.path("/config.json"), to_config(spec)));
  return Running({runtime_program(), "--root", bundle.path("/state"), "--cgroup-manager",
                  "disabled", "run", "--bundle", bundle.path(), "box"})
      .wait()
      .output;
}

TEST(HostNode, OfTheRootfsOpensNothingWithoutADeviceFilter) {
  const Rootfs rootfs;
  ASSERT_EQ(::mknod(rootfs.path("/node").c_str(), S_IFCHR | 0666, makedev(1, 5)), 0);
  Spec spec = shell_spec(rootfs, "head -c 1 /node && echo opened");
  auto& sets = spec.process.capabilities;
  for (auto* set : {&sets.bounding, &sets.effective, &sets.permitted}) {
    std::erase(*set, "CAP_MKNOD");
  }
  spec.resources.devices = {
      {.allow = false, .type = 'a', .major = {}, .minor = {}, .access = "rwm"}};
  EXPECT_THAT(run_without_cgroup(spec), HasSubstr("Permission denied"));
  // A privileged container is to reach every device.
  spec.resources.devices = {
      {.allow = true, .type = 'a', .major = {}, .minor = {}, .access = "rwm"}};
  EXPECT_THAT(run_without_cgroup(spec), HasSubstr("opened"));
}

// Its mode is everybody's on the host. With a /dev as engines ask for it, which is not nodev, the
// container has a node of its own.
TEST(HostNode, NullKeepsItsMode) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "exec sleep 1000");
  for (auto& mount : spec.mounts) {
    if (mount.destination == "/dev") std::erase(mount.options, "nodev");
  }
  struct stat before{};
  ASSERT_EQ(::stat("/dev/null", &before), 0);
  const OciContainer container(spec);
  (void)container.exec("chmod 600 /proc/self/fd/0; chmod 600 /dev/null");
  struct stat after{};
  ASSERT_EQ(::stat("/dev/null", &after), 0);
  ::chmod("/dev/null", before.st_mode & 07777U);
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(container.exec("echo x > /dev/null && head -c 1 /dev/zero | wc -c").output, "1\n");
}

TEST(HostNode, AFifoForPasswdHoldsNobodyUp) {
  const Rootfs rootfs;
  fs::create_directory(rootfs.path("/etc"));
  ASSERT_EQ(::mkfifo(rootfs.path("/etc/passwd").c_str(), 0666), 0);
  Spec spec = shell_spec(rootfs, "echo $HOME");
  std::erase_if(spec.process.env,
                [](const std::string& entry) { return entry.starts_with("HOME="); });
  EXPECT_EQ(launch(spec).output, "/\n");
}

}  // namespace
}  // namespace cgwarden::launcher
