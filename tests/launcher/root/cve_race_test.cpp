#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "base/file.h"
#include "tests/launcher/root/hostile.h"

// A process that shares a volume with the container which is being launched, and exchanges a
// directory or file of it for a symbolic link all the time: whatever is checked first and used by
// its path later loses some of these races.
namespace cgwarden::launcher {
namespace {

using testing::AnyOf;
using testing::StartsWith;
namespace fs = std::filesystem;

constexpr unsigned kLaunches = 60;

// The same launch many times, while `one` and `other` are exchanged.
void race(const std::string& one, const std::string& other, const Spec& spec,
          const std::function<void(const Launched&)>& check) {
  const Exchanger enemy(one, other);
  for (unsigned i = 0; i < kLaunches && !testing::Test::HasFailure(); ++i) {
    check(launch(spec));
  }
  // The enemy was there.
  EXPECT_GT(enemy.exchanges(), kLaunches);
}

// A volume with a directory `slot` and a link `trap` to `target`, which are exchanged.
class Volume {
 public:
  explicit Volume(const std::string& target) {
    fs::create_directory(slot());
    fs::create_directory_symlink(target, trap());
  }
  [[nodiscard]] const std::string& path() const { return directory_.path(); }
  [[nodiscard]] std::string slot() const { return directory_.path("/slot"); }
  [[nodiscard]] std::string trap() const { return directory_.path("/trap"); }

 private:
  HostDirectory directory_;
};

// CVE-2021-30465: the mount lands outside, on the directory that the next one is taken from. Here
// that would be an empty tmpfs instead of what the host has there.
TEST(Cve202130465, AMountOnAnExchangedDirectoryStaysInside) {
  const HostDirectory host;
  ASSERT_TRUE(write_file_atomically(host.path("/mark"), "the host's\n"));
  const Volume volume(host.path());
  const Rootfs rootfs;
  // Where the link leads when it is followed inside.
  fs::create_directories(rootfs.path(host.path()));
  Spec spec = shell_spec(rootfs, "cat /check/mark; grep -c ' \\(/data/slot\\|/data/trap\\|" +
                                     host.path() + "\\) rw,' /proc/self/mountinfo");
  spec.mounts.push_back({"/data", "bind", volume.path(), {"bind"}});
  spec.mounts.push_back({"/data/slot", "tmpfs", "tmpfs", {"mode=755"}});
  spec.mounts.push_back({"/check", "bind", host.path(), {"bind"}});
  race(volume.slot(), volume.trap(), spec, [](const Launched& run) {
    if (run.started) {
      EXPECT_EQ(run.output, "the host's\n1\n");
    } else {
      EXPECT_THAT(run.error.sentence(), StartsWith("cannot start: mount: /data/slot "));
    }
  });
}

// CVE-2024-45310: directories for a mount are made where the link leads on the host.
TEST(Cve202445310, DirectoriesBelowAnExchangedOneAreMadeInside) {
  const HostDirectory host;
  const Volume volume(host.path());
  const Rootfs rootfs;
  fs::create_directories(rootfs.path(host.path()));
  Spec spec = shell_spec(rootfs, "true");
  spec.mounts.push_back({"/data", "bind", volume.path(), {"bind"}});
  spec.mounts.push_back({"/data/slot/new/deep", "tmpfs", "tmpfs", {"mode=755"}});
  spec.process.cwd = "/data/slot/work";
  race(volume.slot(), volume.trap(), spec, [&](const Launched& run) {
    EXPECT_TRUE(host.untouched());
    if (!run.started) {
      EXPECT_THAT(run.error.sentence(), AnyOf(StartsWith("cannot start: mount: /data/slot/new"),
                                              StartsWith("cannot start: cwd: /data/slot/work")));
    }
    // Made anew by the next launch, in one place or the other.
    for (const auto& place : {rootfs.path(host.path()), volume.slot(), volume.trap()}) {
      std::error_code ignored;
      if (!fs::is_symlink(place, ignored)) fs::remove_all(place + "/new", ignored);
    }
  });
}

// And where nothing races but the link is there from the start.
TEST(Cve202445310, DirectoriesBelowALinkAreMadeInside) {
  const HostDirectory host;
  const Volume volume(host.path());
  const Rootfs rootfs;
  fs::create_directories(rootfs.path(host.path()));
  Spec spec = shell_spec(rootfs, "ls /data/trap; ls " + host.path());
  spec.mounts.push_back({"/data", "bind", volume.path(), {"bind"}});
  spec.mounts.push_back({"/data/trap/new/deep", "tmpfs", "tmpfs", {"mode=755"}});
  const auto run = launch(spec);
  EXPECT_TRUE(host.untouched());
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "new\nnew\n");
}

// CVE-2025-31133: what is masked is covered by the container's /dev/null, which is a link to a file
// of procfs at that moment.
TEST(Cve202531133, MasksAreNotAnExchangedNullDevice) {
  const HostDirectory dev;
  ASSERT_TRUE(write_file_atomically(dev.path("/null"), "no device\n"));
  fs::create_symlink("/proc/sys/kernel/core_pattern", dev.path("/trap"));
  const Rootfs rootfs;
  rootfs.write("/etc/masked", "masked secret\n");
  Spec spec = shell_spec(rootfs, "stat -c %t:%T /etc/masked /proc/timer_list; cat /etc/masked");
  spec.mounts.push_back({"/dev", "bind", dev.path(), {"bind"}});
  spec.masked_paths = {"/etc/masked", "/proc/timer_list"};
  race(dev.path("/null"), dev.path("/trap"), spec, [](const Launched& run) {
    ASSERT_TRUE(run.started) << run.error.sentence();
    EXPECT_EQ(run.output, "1:3\n1:3\n");
  });
}

// An image or a volume without a usable /dev/null: the masks are still there (the vulnerable
// runtime went on without them).
TEST(Cve202531133, MasksDoNotDependOnADevOfTheContainer) {
  const Rootfs rootfs;
  rootfs.write("/etc/masked", "masked secret\n");
  Spec spec = shell_spec(rootfs, "stat -c %t:%T /etc/masked; cat /etc/masked");
  spec.masked_paths.emplace_back("/etc/masked");
  const auto masked = [&] {
    const auto run = launch(spec);
    return run.started ? run.output : run.error.sentence();
  };
  fs::create_symlink("/etc/fake", rootfs.path("/dev/null"));
  EXPECT_EQ(masked(), "1:3\n");
  const HostDirectory dev;
  spec.mounts.push_back({"/dev", "bind", dev.path(), {"bind"}});
  EXPECT_EQ(masked(), "1:3\n");
  ASSERT_TRUE(write_file_atomically(dev.path("/null"), "no device\n"));
  EXPECT_EQ(masked(), "1:3\n");
}

}  // namespace
}  // namespace cgwarden::launcher
