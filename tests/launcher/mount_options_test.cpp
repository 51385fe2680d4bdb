#include "launcher/mount_options.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "launcher/container_mounts.h"

namespace cgwarden::launcher {
namespace {

// MOUNT_ATTR_* of linux/mount.h and MS_* of mount(2).
constexpr std::uint64_t kReadOnly = 1;
constexpr std::uint64_t kNoSuid = 2;
constexpr std::uint64_t kAtimeField = 0x70;
constexpr std::uint64_t kStrictAtime = 0x20;
constexpr std::uint64_t kPrivate = 1U << 18U;

Mount mount_of(std::string type, std::vector<std::string> options) {
  Mount mount;
  mount.destination = "/x";
  mount.type = std::move(type);
  mount.source = "/y";
  mount.options = std::move(options);
  return mount;
}

TEST(MountOptionsTest, AreSortedByWhereTheKernelTakesThem) {
  const auto sorted = sort_options(
      mount_of("tmpfs", {"ro", "strictatime", "size=1m", "noswap", "rprivate", "silent"}));
  EXPECT_EQ(sorted.attributes_set, kReadOnly | kStrictAtime);
  EXPECT_EQ(sorted.attributes_clear & kAtimeField, kAtimeField);
  EXPECT_EQ(sorted.propagation, kPrivate);
  EXPECT_TRUE(sorted.recursive_propagation);
  ASSERT_EQ(sorted.data.size(), 2U);
  EXPECT_EQ(sorted.data[0].first, "size");
  EXPECT_EQ(sorted.data[0].second, "1m");
  EXPECT_EQ(sorted.data[1].second, std::nullopt);
  EXPECT_TRUE(sorted.has_data("size"));
  EXPECT_FALSE(sorted.has_data("mode"));
}

TEST(MountOptionsTest, NothingIsSetUnaskedAndTheLaterOptionWins) {
  EXPECT_EQ(sort_options(mount_of("tmpfs", {})).attributes_set, 0U);
  const auto writable = sort_options(mount_of("tmpfs", {"nosuid", "ro", "rw"}));
  EXPECT_EQ(writable.attributes_set, kNoSuid);
  EXPECT_EQ(writable.attributes_clear, kReadOnly);
  const auto readonly = sort_options(mount_of("tmpfs", {"rw", "ro"}));
  EXPECT_EQ(readonly.attributes_set, kReadOnly);
  EXPECT_EQ(readonly.attributes_clear, 0U);
}

TEST(MountOptionsTest, RecursiveOnesAreKeptApart) {
  const auto bind = sort_options(mount_of("", {"rbind", "rro", "rstrictatime"}));
  EXPECT_TRUE(bind.bind);
  EXPECT_TRUE(bind.recursive);
  EXPECT_EQ(bind.attributes_set, 0U);
  EXPECT_EQ(bind.recursive_set, kReadOnly | kStrictAtime);
  EXPECT_EQ(bind.recursive_clear, kAtimeField);
}

TEST(MountOptionsTest, ABindHasNoSuperblockOfItsOwn) {
  EXPECT_TRUE(sort_options(mount_of("bind", {"sync", "lazytime"})).data.empty());
  EXPECT_EQ(sort_options(mount_of("tmpfs", {"sync"})).data.size(), 1U);
  // Anything else stays, to be refused by its name.
  EXPECT_EQ(sort_options(mount_of("bind", {"copy-symlink"})).data.size(), 1U);
}

TEST(MountOptionsTest, KindsOfMount) {
  EXPECT_TRUE(sort_options(mount_of("tmpfs", {"tmpcopyup"})).copy_up);
  EXPECT_TRUE(sort_options(mount_of("none", {"remount", "ro"})).remount);
  EXPECT_EQ(sort_options(mount_of("bind", {"idmap"})).id_map, IdMap::this_mount);
  EXPECT_EQ(sort_options(mount_of("bind", {"ridmap"})).id_map, IdMap::recursive);
  Mount mapped = mount_of("bind", {});
  EXPECT_EQ(sort_options(mapped).id_map, IdMap::none);
  mapped.uid_mappings = {{0, 1000, 1}};
  EXPECT_EQ(sort_options(mapped).id_map, IdMap::this_mount);
}

TEST(MountOptionsTest, PropagationNames) {
  EXPECT_EQ(propagation_of("private").flag, kPrivate);
  EXPECT_FALSE(propagation_of("private").recursive);
  EXPECT_TRUE(propagation_of("rshared").recursive);
  EXPECT_EQ(propagation_of("").flag, 0U);
  EXPECT_EQ(propagation_of("rw").flag, 0U);
  EXPECT_EQ(propagation_of("rrshared").flag, 0U);
}

TEST(BundleTest, RootAndBindSourcesAreRelativeToIt) {
  Spec spec;
  spec.root_path = "rootfs";
  spec.mounts = {mount_of("bind", {}), mount_of("none", {"rbind"}), mount_of("tmpfs", {})};
  spec.mounts[1].source = "data/x";
  spec.mounts[2].source = "shm";
  resolve_in_bundle(spec, "/b");
  EXPECT_EQ(spec.root_path, "/b/rootfs");
  EXPECT_EQ(spec.mounts[0].source, "/y");
  EXPECT_EQ(spec.mounts[1].source, "/b/data/x");
  EXPECT_EQ(spec.mounts[2].source, "shm");
}

}  // namespace
}  // namespace cgwarden::launcher
