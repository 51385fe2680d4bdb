#include "agent/side_effects.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class SideEffectsTest : public ::testing::Test {
 protected:
  void has(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories(directory_.path() + "/a");
    std::ofstream(directory_.path() + "/a/" + file) << text << "\n";
  }
  static policy::Write sets(const std::string& file, const std::string& value) {
    policy::Write write;
    write.cgroup = "/a";
    write.file = file;
    write.new_value = value;
    return write;
  }
  [[nodiscard]] std::vector<policy::Write> of(const std::vector<policy::Write>& writes) const {
    return side_effects(*cgroup::Tree::open(directory_.path(), false), writes);
  }
  TemporaryDirectory directory_;
};

TEST_F(SideEffectsTest, AnIdleCgroupLosesItsWeight) {
  has("cpu.weight", "300");
  const auto effects = of({sets("cpu.idle", "1")});
  ASSERT_THAT(effects, SizeIs(1));
  EXPECT_EQ(effects[0].file, "cpu.weight");
  EXPECT_EQ(effects[0].old_value, "300");
  EXPECT_EQ(effects[0].new_value, "100");
  EXPECT_THAT(of({sets("cpu.idle", "0")}), IsEmpty());
  has("cpu.weight", "100");
  EXPECT_THAT(of({sets("cpu.idle", "1")}), IsEmpty());
}

TEST_F(SideEffectsTest, AShrinkHasMemoryHighForAWhile) {
  has("memory.current", "2000000");
  has("memory.high", "max");
  const policy::Write lower = sets("memory.max", "1000000");
  EXPECT_THAT(of({lower}), SizeIs(1));
  EXPECT_THAT(of({lower, sets("memory.high", "500000")}), IsEmpty()) << "it is of a write itself";
  EXPECT_THAT(of({sets("memory.max", "3000000")}), IsEmpty()) << "it fits";
  policy::Write kills = lower;
  kills.allow_oom = true;
  EXPECT_THAT(of({kills}), IsEmpty()) << "at once";
  has("memory.high", "900000");
  EXPECT_THAT(of({lower}), IsEmpty()) << "low enough";
}

}  // namespace
}  // namespace cgwarden::agent
