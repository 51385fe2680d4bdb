#include "launcher/overlay.h"

#include <gmock/gmock.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/launcher/root/in_child.h"
#include "tests/launcher/root/launched.h"

namespace cgwarden::launcher {
namespace {

using testing::HasSubstr;

std::string read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class OverlayTest : public testing::Test {
 protected:
  OverlayTest() {
    std::string pattern = testing::TempDir() + "cgwarden-overlay-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
    ::chmod(path_.c_str(), 0755);
    (void)make("root");
    (void)make("writable");
  }
  ~OverlayTest() override { std::filesystem::remove_all(path_); }
  OverlayTest(const OverlayTest&) = delete;
  OverlayTest& operator=(const OverlayTest&) = delete;

  [[nodiscard]] std::string make(const std::string& name) const {
    std::filesystem::create_directories(path_ + "/" + name);
    return path_ + "/" + name;
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name) << text;
  }
  // The busybox directory lowest, then `layers`.
  [[nodiscard]] Spec spec(const std::string& script, std::vector<std::string> layers = {}) const {
    Spec result = shell_spec(base_, script);
    result.root_path = path_ + "/root";
    layers.insert(layers.begin(), base_.path());
    result.overlay = Overlay{.layers = std::move(layers), .writable = path("writable")};
    return result;
  }
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

  Rootfs base_;
  std::string path_;
};

TEST_F(OverlayTest, WhatIsWrittenStaysInTheWritableDirectory) {
  const Spec first = spec("echo new > /data/file; echo changed > /bin/added; rm /bin/ip; ls /root");
  const Launched wrote = launch(first);
  EXPECT_EQ(wrote.exit_code, 1) << wrote.error.sentence();  // there is no /root
  EXPECT_EQ(read(path("writable/upper/data/file")), "new\n");
  EXPECT_FALSE(std::filesystem::exists(base_.path("/data/file")));
  EXPECT_FALSE(std::filesystem::exists(base_.path("/bin/added")));
  EXPECT_TRUE(std::filesystem::is_symlink(base_.path("/bin/ip")));
  struct stat status{};
  ASSERT_EQ(::lstat(path("writable/upper/bin/ip").c_str(), &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode)) << "no whiteout";
  EXPECT_EQ(status.st_rdev, makedev(0, 0));
  EXPECT_TRUE(std::filesystem::is_empty(path("root"))) << "mounted on the host too";

  const Launched again = launch(spec("cat /data/file; ls /bin/ip"));
  EXPECT_THAT(again.output, HasSubstr("new\n"));
  EXPECT_THAT(again.output, HasSubstr("/bin/ip: No such file"));
}

TEST_F(OverlayTest, TheHighestLayerWinsAndItsWhiteoutsHide) {
  const std::string low = make("low");
  const std::string high = make("high, with: \\ all\n");
  (void)make("low/data");
  (void)make("high, with: \\ all\n/data");
  write("low/data/both", "low");
  write("low/data/hidden", "low");
  write("high, with: \\ all\n/data/both", "high");
  ASSERT_EQ(::mknod((high + "/data/hidden").c_str(), S_IFCHR, makedev(0, 0)), 0);
  const Launched result = launch(spec("cat /data/both; ls /data", {low, high}));
  EXPECT_EQ(result.output, "highboth\n") << result.error.sentence();
}

TEST_F(OverlayTest, TheRootIsTheHighestLayers) {
  const std::string high = make("high");
  ASSERT_EQ(::chmod(high.c_str(), 01751), 0);
  ASSERT_EQ(::chown(high.c_str(), 12, 34), 0);
  EXPECT_EQ(launch(spec("stat -c '%a %u %g' /", {high})).output, "1751 12 34\n");
}

TEST_F(OverlayTest, FiftyLayers) {
  std::vector<std::string> layers;
  for (int i = 0; i < 50; ++i) {
    const std::string name = std::to_string(i);
    layers.push_back(make(name));
    write(name + "/" + name, name);
    write(name + "/top", name);
  }
  EXPECT_EQ(launch(spec("cat /top /0 /49; ls / | grep -c '^[0-9]'", layers)).output, "4904950\n");
}

// st_blocks of everything below, as du(1).
std::uintmax_t blocks_of(const std::string& directory) {
  std::uintmax_t blocks = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat status{};
    if (::lstat(entry.path().c_str(), &status) == 0)
      blocks += static_cast<std::uintmax_t>(status.st_blocks);
  }
  return blocks;
}

TEST_F(OverlayTest, AHundredTakeTheDiskOfOne) {
  write("content", std::string(48U << 20U, 'x'));
  std::filesystem::rename(path("content"), base_.path("/data/content"));
  std::vector<std::uintmax_t> used;
  for (int i = 0; i < 100; ++i) {
    const std::string name = "of" + std::to_string(i);
    Spec one = spec("echo x > /data/" + name + "; ls /data");
    one.overlay->writable = make("state/" + name);
    EXPECT_EQ(launch(one).output, "content\n" + name + "\n");
    used.push_back(blocks_of(base_.path()) + blocks_of(path("state")));
  }
  EXPECT_GT(used.back(), used.front());
  EXPECT_LE(used.back(), used.front() + used.front() / 20);
  RecordProperty("one_kib", std::to_string(used.front() / 2));
  RecordProperty("hundred_kib", std::to_string(used.back() / 2));
  std::filesystem::remove_all(path("state"));
  EXPECT_LT(blocks_of(base_.path()), used.front());
}

TEST_F(OverlayTest, WithoutAWritableDirectoryWritesEndWithTheContainer) {
  Spec memory = spec("echo x > /data/file && cat /data/file; grep ' / ' /proc/self/mountinfo");
  memory.overlay->writable.clear();
  const Launched result = launch(memory);
  EXPECT_THAT(result.output, testing::StartsWith("x\n")) << result.error.sentence();
  EXPECT_THAT(result.output, HasSubstr(" - overlay cgwarden "));
  EXPECT_TRUE(std::filesystem::is_empty(path("writable")));
  EXPECT_TRUE(std::filesystem::is_empty(path("root")));
  memory.process.args = {"/bin/sh", "-c", "ls /data"};
  EXPECT_EQ(launch(memory).output, "");
}

TEST_F(OverlayTest, ReadOnlyStillGetsItsMountPoints) {
  Spec readonly = spec("echo x > /data/file; ls -d /sys/kernel /extra");
  readonly.overlay->writable.clear();
  readonly.root_readonly = true;
  readonly.mounts.push_back(
      {.destination = "/extra", .type = "tmpfs", .source = "tmpfs", .options = {}});
  const Launched result = launch(readonly);
  EXPECT_THAT(result.output, HasSubstr("Read-only file system")) << result.error.sentence();
  EXPECT_THAT(result.output, HasSubstr("/extra\n/sys/kernel\n"));
}

TEST_F(OverlayTest, AUserNamespaceOwnsItsFiles) {
  const std::string high = make("high");
  write("high/owned", "x");
  Spec mapped =
      spec("stat -c '%u %g' / /owned; echo y >> /owned; echo z > /data/new; id -u", {high});
  mapped.namespaces.push_back({NamespaceType::user, ""});
  mapped.uid_mappings = {{0, 200000, 65536}};
  mapped.gid_mappings = mapped.uid_mappings;
  const Launched result = launch(mapped);
  struct statfs layers{};
  ASSERT_EQ(::statfs(high.c_str(), &layers), 0);
  if (!result.started && layers.f_type == TMPFS_MAGIC) {  // before Linux 6.3
    EXPECT_THAT(result.error.sentence(),
                HasSubstr("its file system does not support id-mapped mounts in this kernel"));
    return;
  }
  EXPECT_EQ(result.output, "0 0\n0 0\n0\n") << result.error.sentence();
  for (const char* name : {"writable/upper/owned", "writable/upper/data/new"}) {
    struct stat status{};
    ASSERT_EQ(::stat(path(name).c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_uid, 200000U) << name;
  }
  struct stat status{};
  ASSERT_EQ(::stat(path("high/owned").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0U);
}

TEST_F(OverlayTest, DeviceNodesOfALayerOpenNothing) {
  const std::string high = make("high");
  ASSERT_EQ(::mknod((high + "/zero").c_str(), S_IFCHR | 0666, makedev(1, 5)), 0);
  EXPECT_THAT(launch(spec("dd if=/zero bs=1 count=1", {high})).output,
              HasSubstr("Permission denied"));
}

std::string refusal(const Spec& spec) {
  const Launched result = launch(spec);
  return result.started ? "started" : result.error.sentence();
}

TEST_F(OverlayTest, EveryWrongLayerIsOneSentence) {
  const std::string high = make("high");
  write("file", "x");
  EXPECT_EQ(refusal(spec("true", {path("none")})),
            "cannot start: rootfs: the layer " + path("none") +
                "; unpack it there or correct layers: No such file or directory");
  EXPECT_EQ(refusal(spec("true", {path("file")})),
            "cannot start: rootfs: the layer " + path("file") +
                "; a layer is a directory with its files unpacked: Not a directory");
  EXPECT_EQ(refusal(spec("true", {high, path("high/../high")})),
            "cannot start: rootfs: the layers " + high + " and " + path("high/../high") +
                " are the same directory; name it once");
  EXPECT_EQ(refusal(spec("true", {"relative"})),
            "cannot start: rootfs: the layer relative is not an absolute path");
}

TEST_F(OverlayTest, AnUpperOnAnOverlayIsRefused) {
  Spec outer = spec("true");
  const std::string said_inside = in_child([&] {
    if (::unshare(CLONE_NEWNS) != 0) return std::string("unshare");
    const auto mount = overlay_mount(outer);
    if (!mount) return mount.error().sentence();
    const std::string inner = "/proc/self/fd/" + std::to_string(mount->get()) + "/data";
    outer.overlay->writable = inner;
    const auto second = overlay_mount(outer);
    return second ? std::string("mounted") : second.error().sentence();
  });
  EXPECT_THAT(said_inside, HasSubstr("is on an overlay file system, and the kernel takes none"));
}

TEST_F(OverlayTest, ADiskThatIsFullIsNamed) {
  Spec full = spec("true");
  const std::string answer = in_child([&] {
    const std::string directory = path("writable");
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", directory.c_str(), "tmpfs", 0, "nr_inodes=1") != 0) {
      return std::string("no tmpfs");
    }
    const auto mount = overlay_mount(full);
    return mount ? std::string("mounted") : mount.error().sentence();
  });
  EXPECT_EQ(answer, "cannot start: rootfs: " + path("writable") +
                        "/upper cannot be made: No space left on device");
}

}  // namespace
}  // namespace cgwarden::launcher
