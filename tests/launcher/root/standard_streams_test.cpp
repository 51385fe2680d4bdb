#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "launcher/spawn.h"
#include "tests/launcher/root/launched.h"

namespace cgwarden::launcher {
namespace {

TEST(StandardStreams, AUserCanOpenThePipesByName) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "echo out > /dev/stdout; echo err > /dev/stderr; id -u");
  spec.process.user.uid = 1000;
  EXPECT_EQ(launch(spec).output, "out\nerr\n1000\n");
}

TEST(StandardStreams, AFileOfTheCallerKeepsItsOwner) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "echo out");
  spec.process.user.uid = 1000;
  const std::string path = rootfs.path("/tmp/output");
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  SpawnRequest request;
  request.spec = &spec;
  request.stdout_fd = file.get();
  const auto spawned = spawn(request);
  ASSERT_TRUE(spawned) << spawned.error().sentence();
  EXPECT_EQ(wait_for(spawned->pid).status, 0);
  struct stat status{};
  ASSERT_EQ(::fstat(file.get(), &status), 0);
  EXPECT_EQ(status.st_size, 4);
  EXPECT_EQ(status.st_uid, 0U);
}

}  // namespace
}  // namespace cgwarden::launcher
