#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/unique_fd.h"
#include "tests/launcher/root/in_child.h"
#include "tests/launcher/root/launched.h"

namespace cgwarden::launcher {
namespace {

namespace fs = std::filesystem;

// A machine in a directory, as debootstrap leaves one: the host's own file systems at another
// place.
std::string enter_chroot(const std::string& directory) {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("/", directory.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return "mount";
  }
  return ::chroot(directory.c_str()) == 0 && ::chdir("/") == 0 ? "" : "chroot";
}

TEST(Chroot, WhoJoinsTheContainerStandsInItsRoot) {
  const Rootfs rootfs;
  const Spec spec = shell_spec(rootfs, "true");
  std::string directory = testing::TempDir() + "cgwarden-chroot-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string place = in_child([&] {
    if (const std::string failed = enter_chroot(directory); !failed.empty()) return failed;
    if (const Step done = enter_container(spec, CLONE_NEWCGROUP); !done) return said(done);
    // As exec does, from outside.
    const UniqueFd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    if (::setns(self.get(), CLONE_NEWNS) != 0) return std::string("setns");
    return std::string(fs::exists("/data") && !fs::exists("/usr") ? "container" : "host");
  });
  EXPECT_EQ(place, "container");
  fs::remove(directory);
}

}  // namespace
}  // namespace cgwarden::launcher
