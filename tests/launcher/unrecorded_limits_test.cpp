// What the shim looks at, as the kernel keeps no record of it: open descriptors, room on disks.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "launcher/descriptor_watch.h"
#include "launcher/filesystem_room.h"

namespace cgwarden::launcher {
namespace {

TEST(DescriptorWatchTest, WordsOfEmfileAreKnown) {
  EXPECT_TRUE(says_too_many_open_files("sh: can't open '/dev/null': Too many open files\n"));
  EXPECT_TRUE(says_too_many_open_files("accept4: too many open files"));
  EXPECT_TRUE(says_too_many_open_files("too many open files in system\nToo many open files"));
  EXPECT_FALSE(says_too_many_open_files("open: Too many open files in system\n"));
  EXPECT_FALSE(says_too_many_open_files("too many files"));
  EXPECT_FALSE(says_too_many_open_files(""));
}

TEST(DescriptorWatchTest, TheSoftLimitIsTheFirstNumber) {
  EXPECT_EQ(open_files_limit(
                "Limit                     Soft Limit           Hard Limit           Units\n"
                "Max processes             10                   20                   processes\n"
                "Max open files            1024                 524288               files\n"),
            1024U);
  EXPECT_FALSE(open_files_limit(
      "Max open files            unlimited            unlimited            files\n"));
  EXPECT_FALSE(open_files_limit(""));
}

TEST(DescriptorWatchTest, OpenDescriptorsAreCounted) {
  std::size_t budget = limits::kDescriptorsCounted;
  const auto before = open_descriptors(::getpid(), budget);
  ASSERT_TRUE(before);
  const auto more = open_at(AT_FDCWD, "/dev/null", O_RDONLY);
  ASSERT_TRUE(more);
  EXPECT_EQ(open_descriptors(::getpid(), budget), *before + 1);
  EXPECT_FALSE(open_descriptors(0, budget));
}

TEST(FilesystemRoomTest, WritableLocalMountsAreAsked) {
  const auto mount = parse_writable_mount(
      "36 35 98:0 /mnt1 /a\\040b rw,noatime master:1 shared:2 - ext4 /dev/root rw,errors=continue");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->path, "/a b");
  EXPECT_EQ(mount->device, "98:0");
  EXPECT_EQ(mount->type, "ext4");
  EXPECT_TRUE(parse_writable_mount("36 35 0:45 / /tmp rw - tmpfs tmpfs rw,size=1024k"));
  // Of the mount, of the file system, of the network, and of nothing.
  EXPECT_FALSE(parse_writable_mount("36 35 0:45 / /tmp ro,nosuid - tmpfs tmpfs rw"));
  EXPECT_FALSE(parse_writable_mount("36 35 0:45 / /tmp rw - ext4 /dev/vda ro,relatime"));
  EXPECT_FALSE(parse_writable_mount("36 35 0:45 / /mnt rw - nfs4 host:/x rw"));
  EXPECT_FALSE(parse_writable_mount("36 35 0:45 / /proc rw - proc proc rw"));
  EXPECT_FALSE(parse_writable_mount("36 35 0:45 / /tmp"));
  EXPECT_FALSE(parse_writable_mount(""));
}

TEST(FilesystemRoomTest, WordsOfNoRoomAreKnown) {
  EXPECT_TRUE(says_no_room("dd: error writing '/x': No space left on device\n"));
  EXPECT_TRUE(says_no_room("write /x: no space left on device"));
  EXPECT_TRUE(says_no_room("Error: EDQUOT: disk quota exceeded"));
  EXPECT_FALSE(says_no_room("no space"));
}

TEST(FilesystemRoomTest, WhoIsGoneOrHasOurMountsHasNone) {
  EXPECT_LT(mount_namespace_of(::getpid()).get(), 0);
  EXPECT_LT(mount_namespace_of(0).get(), 0);
  EXPECT_TRUE(room_in(UniqueFd()).empty());
}

}  // namespace
}  // namespace cgwarden::launcher
