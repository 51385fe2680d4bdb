#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <map>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "tests/launcher/root/launched.h"

namespace cgwarden::launcher {
namespace {

std::string own_namespace(const std::string& name) {
  std::array<char, 64> target{};
  const auto size = ::readlink(("/proc/self/ns/" + name).c_str(), target.data(), target.size());
  return {target.data(), size > 0 ? static_cast<std::size_t>(size) : 0U};
}

TEST(Isolation, EveryNamespaceOfTheDefaultIsNew) {
  const Rootfs rootfs;
  for (const std::string name : {"pid", "net", "mnt", "ipc", "uts", "cgroup"}) {
    const auto run = launch(rootfs, "readlink /proc/self/ns/" + name);
    ASSERT_TRUE(run.started) << run.error.sentence();
    const std::string inside(trim(run.output));
    ASSERT_FALSE(own_namespace(name).empty());
    EXPECT_TRUE(inside.starts_with(name + ":[")) << inside;
    EXPECT_NE(inside, own_namespace(name));
  }
}

TEST(Isolation, TheCommandIsPid1AndSeesOnlyItself) {
  const Rootfs rootfs;
  const auto run = launch(rootfs, "echo $$; cd /proc; for p in [0-9]*; do echo $p; done");
  EXPECT_EQ(run.output, "1\n1\n");
}

TEST(Isolation, MountsAreExactlyTheOnesAskedFor) {
  const Rootfs rootfs;
  const auto run = launch(rootfs, "cat /proc/self/mountinfo");
  ASSERT_TRUE(run.started) << run.error.sentence();
  std::map<std::string, std::string> options;
  for (const auto line : split(trim(run.output), '\n')) {
    const auto fields = split(line, ' ');
    ASSERT_GT(fields.size(), 5U);
    options[std::string(fields[4])] = fields[5];
  }
  std::set<std::string> places;
  for (const auto& [place, unused] : options) places.insert(place);
  const std::set<std::string> always{
      "/",           "/proc",       "/dev",           "/dev/pts",           "/dev/shm",
      "/dev/mqueue", "/sys",        "/sys/fs/cgroup", "/dev/null",          "/dev/zero",
      "/dev/full",   "/dev/random", "/dev/urandom",   "/dev/tty",           "/proc/sys",
      "/proc/bus",   "/proc/fs",    "/proc/irq",      "/proc/sysrq-trigger"};
  const Spec spec = default_spec();
  std::set<std::string> optional(spec.masked_paths.begin(), spec.masked_paths.end());
  optional.insert(spec.readonly_paths.begin(), spec.readonly_paths.end());
  for (const auto& place : places) {
    EXPECT_TRUE(always.contains(place) || optional.contains(place)) << place;
  }
  for (const auto& place : always) {
    if (!optional.contains(place)) {
      EXPECT_TRUE(places.contains(place)) << place;
    }
  }
  EXPECT_TRUE(options["/sys"].starts_with("ro,nosuid,nodev,noexec")) << options["/sys"];
  EXPECT_TRUE(options["/proc/sys"].starts_with("ro,")) << options["/proc/sys"];
  EXPECT_TRUE(options["/sys/fs/cgroup"].starts_with("ro,")) << options["/sys/fs/cgroup"];
  for (const char* place : {"/", "/dev", "/dev/shm", "/proc"}) {
    EXPECT_NE(options[place].find("nodev"), std::string::npos) << place << options[place];
  }
}

}  // namespace
}  // namespace cgwarden::launcher
