#include "agent/process_lookup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

// A /proc with the threads of one process.
class ThreadsOf812 : public ::testing::Test {
 protected:
  // flags: 4 is PF_EXITING; pending: a mask of signals as in /proc/PID/status.
  void add(int thread, unsigned flags, const std::string& pending = "0000000000000000") {
    const std::string at = directory_.path() + "/812/task/" + std::to_string(thread);
    std::filesystem::create_directories(at);
    std::ofstream(at + "/stat") << thread << " (a) 1 (b) S 700 812 812 0 -1 " << flags
                                << " 0 0 0 0 0 0 0 0 20 0 1 0 4242 0\n";
    std::ofstream(at + "/status") << "Name:\ta\nSigPnd:\t" << pending << "\nShdPnd:\t0\n";
  }
  [[nodiscard]] std::string proc() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
};

TEST(StatTest, TheParentIsBehindTheName) {
  EXPECT_EQ(parent_of("812 (a) 1 (b) S 700 812 812 0 -1 4 0"), 700);
  EXPECT_EQ(parent_of("812 (a"), std::nullopt);
}

TEST_F(ThreadsOf812, AThreadIsEndingWhenItSaysSoOrIsGone) {
  add(812, 0x400000);
  add(813, 0x400004);
  EXPECT_FALSE(is_ending(proc(), 812, 812));
  EXPECT_TRUE(is_ending(proc(), 812, 813));
  EXPECT_TRUE(is_ending(proc(), 812, 814));
  EXPECT_TRUE(is_ending(proc(), 900, 900));
}

TEST_F(ThreadsOf812, TheFirstThreadAndThoseThatDieAreNoLivingOnes) {
  add(812, 0x400000);
  EXPECT_FALSE(has_living_thread(proc(), 812));
  add(813, 0x400004);
  add(814, 0x400000, "0000000000000100");  // SIGKILL
  EXPECT_FALSE(has_living_thread(proc(), 812));
  add(815, 0x400000, "0000000000004000");  // SIGTERM
  EXPECT_TRUE(has_living_thread(proc(), 812));
  EXPECT_FALSE(has_living_thread(proc(), 900));
}

}  // namespace
}  // namespace cgwarden::agent
