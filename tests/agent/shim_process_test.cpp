#include "agent/shim_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "launcher/state.h"

namespace cgwarden::agent {
namespace {

TEST(OpenProcessTest, ARecordedProcessIsFoundAndAReusedPidIsNot) {
  const auto born = launcher::process_start_time(::getpid());
  ASSERT_TRUE(born);
  EXPECT_TRUE(open_process(::getpid(), *born));
  EXPECT_TRUE(open_process(::getpid(), std::nullopt));
  const auto other = open_process(::getpid(), *born + 1);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::vanished);
}

TEST(OpenProcessTest, AProcessThatIsGoneIsVanished) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_GT(child, 0);
  const auto born = launcher::process_start_time(child);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_TRUE(born);
  EXPECT_EQ(open_process(child, *born).error().kind, ErrorKind::vanished);
}

// Whatever start_shim() fails at, no child of ours is left: neither running nor as a zombie. The
// descriptors run out one later each time.
TEST(StartShimTest, AFailureLeavesNoChild) {
  const ShimRequest request{.executable = "/bin/true",
                            .name = "web",
                            .incarnation = 1,
                            .config_json = "{}",
                            .state_dir = "/nonexistent",
                            .cgroup_root = "/nonexistent"};
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit small{.rlim_cur = 64, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &small), 0);
  std::vector<UniqueFd> fillers;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) fillers.emplace_back(fd);
  bool started = false;
  while (!started && !fillers.empty()) {
    fillers.pop_back();
    auto shim = start_shim(request);
    started = shim.has_value();
    if (started) shim->kill_and_reap();
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  }
  EXPECT_TRUE(started);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace cgwarden::agent
