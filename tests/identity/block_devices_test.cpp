#include "identity/block_devices.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace cgwarden::identity {
namespace {

class BlockDevicesTest : public testing::Test {
 protected:
  BlockDevicesTest() : links_(::mkdtemp(pattern_.data())), devices_(links_) {}
  ~BlockDevicesTest() override { std::filesystem::remove_all(links_); }

  void link(const std::string& numbers, const std::string& target) {
    std::filesystem::remove(links_ + "/" + numbers);
    std::filesystem::create_symlink(target, links_ + "/" + numbers);
  }
  void observe(std::vector<cgroup::IoStat> io_stat, const std::string& path = "/") {
    cgroup::Sample sample;
    sample.path = path;
    sample.io_stat = std::move(io_stat);
    devices_.observe({TimePoint{}, {sample}});
  }

  std::string pattern_ = std::filesystem::temp_directory_path().string() + "/devices_test.XXXXXX";
  std::string links_;
  BlockDevices devices_;
};

TEST_F(BlockDevicesTest, TheNameIsTheEndOfTheLink) {
  link("8:0", "../../devices/pci0/host0/block/sda");
  link("8:1", "../../devices/pci0/host0/block/sda/sda1");
  observe({{8, 0, {}, {}, {}, {}, {}, {}},
           {8, 1, {}, {}, {}, {}, {}, {}},
           {9, 9, {}, {}, {}, {}, {}, {}}});
  EXPECT_EQ(*devices_.names(), (DeviceNames{{{8, 0}, "sda"}, {{8, 1}, "sda1"}}));
  const auto before = devices_.names();
  observe({{8, 0, {}, {}, {}, {}, {}, {}}, {8, 1, {}, {}, {}, {}, {}, {}}}, "/system.slice");
  EXPECT_EQ(devices_.names(), before);
  // The numbers went to another device.
  link("8:0", "../../devices/virtual/block/dm-3");
  observe({{8, 0, {}, {}, {}, {}, {}, {}}});
  EXPECT_EQ(*devices_.names(), (DeviceNames{{{8, 0}, "dm-3"}}));
}

}  // namespace
}  // namespace cgwarden::identity
