#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "base/file.h"
#include "tests/launcher/root/in_child.h"
#include "tests/launcher/root/launched.h"

// linux.rootfsPropagation. The "host" is a mount namespace of the test's own, with a shared mount.
namespace cgwarden::launcher {
namespace {

using testing::HasSubstr;

const char* const kShowPropagation =
    "show() { while read a b c d p o s x; do [ $p = $1 ] && echo $1 ${s%%:*}; "
    "done < /proc/self/mountinfo; }; ";

std::string mounts_of_host() { return read_file("/proc/self/mountinfo", 1U << 22U).value(); }

// What the container prints, on a host where the rootfs and the volume are shared mounts; and
// whether the host has the same mounts afterwards.
std::string run_on_shared_host(const Rootfs& rootfs, const Rootfs& volume, const Spec& spec) {
  return in_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      return std::string("no host");
    }
    for (const auto* path : {&rootfs.path(), &volume.path()}) {
      if (::mount(path->c_str(), path->c_str(), nullptr, MS_BIND, nullptr) != 0 ||
          ::mount("none", path->c_str(), nullptr, MS_SHARED, nullptr) != 0) {
        return std::string("no host");
      }
    }
    const std::string before = mounts_of_host();
    const auto run = launch(spec);
    const std::string after = mounts_of_host();
    const std::string text = run.started ? run.output : run.error.sentence() + "\n";
    if (after == before) return text + "host as before";
    return text + (after.size() > before.size() ? "host has more" : "host has less");
  });
}

std::string root_with(const std::string& propagation) {
  const Rootfs rootfs;
  const Rootfs volume;
  Spec spec = shell_spec(rootfs, std::string(kShowPropagation) + "show /; show /data");
  spec.rootfs_propagation = propagation;
  spec.mounts.push_back({"/data", "bind", volume.path(), {"rbind"}});
  return run_on_shared_host(rootfs, volume, spec);
}

TEST(Propagation, OfTheRootfs) {
  EXPECT_EQ(root_with(""), "/ -\n/data -\nhost as before");
  EXPECT_EQ(root_with("private"), "/ -\n/data -\nhost as before");
  EXPECT_EQ(root_with("rprivate"), "/ -\n/data -\nhost as before");
  EXPECT_EQ(root_with("slave"), "/ master\n/data master\nhost as before");
  EXPECT_EQ(root_with("rslave"), "/ master\n/data master\nhost as before");
  EXPECT_EQ(root_with("shared"), "/ shared\n/data -\nhost as before");
  EXPECT_EQ(root_with("rshared"), "/ shared\n/data shared\nhost as before");
  EXPECT_EQ(root_with("unbindable"), "/ unbindable\n/data -\nhost as before");
  EXPECT_EQ(root_with("runbindable"), "/ unbindable\n/data unbindable\nhost as before");
  EXPECT_THAT(root_with("public"),
              HasSubstr("cannot start: rootfs: linux.rootfsPropagation \"public\" is not shared, "
                        "slave, private or unbindable"));
}

// What a container mounts in a volume.
std::string volume_with(const std::string& propagation, std::vector<std::string> options) {
  const Rootfs rootfs;
  const Rootfs volume;
  Spec spec = shell_spec(rootfs, std::string(kShowPropagation) +
                                     "mount -t tmpfs x /data/tmp || echo failed; show /data");
  spec.process.capabilities.bounding.emplace_back("CAP_SYS_ADMIN");
  spec.process.capabilities.permitted.emplace_back("CAP_SYS_ADMIN");
  spec.process.capabilities.effective.emplace_back("CAP_SYS_ADMIN");
  spec.seccomp = SeccompProfile::unconfined;
  spec.rootfs_propagation = propagation;
  spec.mounts.push_back({"/data", "bind", volume.path(), std::move(options)});
  return run_on_shared_host(rootfs, volume, spec);
}

TEST(Propagation, AVolumeReachesTheHostOnlyWhenBothAreShared) {
  EXPECT_EQ(volume_with("shared", {"rbind", "rshared"}), "/data shared\nhost has more");
  EXPECT_EQ(volume_with("shared", {"rbind"}), "/data -\nhost as before");
  EXPECT_EQ(volume_with("shared", {"rbind", "rslave"}), "/data master\nhost as before");
  EXPECT_EQ(volume_with("", {"rbind", "rshared"}), "/data shared\nhost as before");
  EXPECT_EQ(volume_with("rshared", {"rbind", "rprivate"}), "/data -\nhost as before");
}

}  // namespace
}  // namespace cgwarden::launcher
