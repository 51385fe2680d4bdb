#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "tests/launcher/root/hostile.h"
#include "tests/launcher/root/launched.h"

// A rootfs made by an enemy; attacks that have a CVE number are in cve_*_test.cpp.
namespace cgwarden::launcher {
namespace {

namespace fs = std::filesystem;

TEST(Attack, DevAsASymlinkToTheHostStaysInside) {
  const HostDirectory victim;
  const Rootfs rootfs;
  fs::remove(rootfs.path("/dev"));
  fs::create_directory_symlink(victim.path(), rootfs.path("/dev"));
  const auto run = launch(rootfs, "true");
  EXPECT_FALSE(run.started);
  EXPECT_TRUE(victim.untouched());
}

TEST(Attack, AMountThroughASymlinkLandsInsideTheRootfs) {
  const HostDirectory victim;
  const HostDirectory source;
  ASSERT_TRUE(write_file_atomically(source.path() + "/mark", "inside"));
  const Rootfs rootfs;
  fs::create_directories(rootfs.path(victim.path()));
  fs::create_directory_symlink(victim.path(), rootfs.path("/link"));
  Spec spec = shell_spec(rootfs, "cat /link/sub/mark; cat " + victim.path() + "/sub/mark");
  spec.mounts.push_back({"/link/sub", "bind", source.path(), {"rbind", "ro"}});
  const auto run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "insideinside");
  EXPECT_TRUE(victim.untouched());
}

TEST(Attack, DotDotStaysInside) {
  const HostDirectory source;
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "ls -d /data");
  spec.mounts.push_back({"/bin/../../../../data", "bind", source.path(), {"bind"}});
  const auto run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "/data\n");
}

TEST(Attack, MountsOverProcfsAreRefused) {
  const HostDirectory source;
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "true");
  spec.mounts.push_back({"/proc/self/attr", "bind", source.path(), {"bind"}});
  EXPECT_EQ(launch(spec).error.sentence(),
            "cannot start: mount: /proc/self/attr is inside procfs and may not be mounted over");
}

// Device nodes and the working directory are made in the rootfs too.
TEST(Attack, DevicesAndTheWorkingDirectoryAreMadeInsideTheRootfs) {
  const HostDirectory victim;
  const Rootfs rootfs;
  fs::create_directories(rootfs.path(victim.path()));
  fs::create_directory_symlink(victim.path(), rootfs.path("/out"));
  fs::create_symlink(victim.path() + "/node", rootfs.path("/data/node"));
  Spec spec = shell_spec(rootfs, "ls " + victim.path());
  spec.devices = {{.path = "/out/dev/own",
                   .type = 'c',
                   .major = 1,
                   .minor = 3,
                   .file_mode = {},
                   .uid = 1,
                   .gid = {}}};
  spec.process.cwd = "/out/work";
  const auto run = launch(spec);
  EXPECT_TRUE(victim.untouched());
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "dev\nwork\n");
  spec.devices[0].path = "/data/node";
  EXPECT_EQ(launch(spec).error.sentence(),
            "cannot start: dev: /data/node is in the rootfs already and is no device");
  EXPECT_TRUE(victim.untouched());
}

}  // namespace
}  // namespace cgwarden::launcher
