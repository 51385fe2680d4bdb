#include "launcher/shim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "base/file.h"
#include "base/unique_fd.h"
#include "launcher/state.h"

namespace cgwarden::launcher {
namespace {

// A shim in a process of its own, with the other end of its control socket here. It never gets as
// far as a cgroup.
class ShimTest : public testing::Test {
 protected:
  ShimTest() {
    std::string pattern = testing::TempDir() + "cgwarden-shim-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    std::array<int, 2> pair{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()), 0);
    ours_.reset(pair[0]);
    theirs_.reset(pair[1]);
    spec_.reset(::memfd_create("spec", MFD_CLOEXEC));
  }
  ~ShimTest() override { std::filesystem::remove_all(directory_); }

  void say_go() {
    const std::string message = go_message("/web.scope/payload");
    ASSERT_EQ(::send(ours_.get(), message.data(), message.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(message.size()));
  }
  void start() {
    child_ = ::fork();
    ASSERT_GE(child_, 0);
    if (child_ == 0) {
      ours_.reset();
      ShimOptions options;
      options.name = "web";
      options.incarnation = 1;
      options.spec_fd = spec_.get();
      options.control_fd = theirs_.get();
      options.state_dir = directory_;
      options.cgroup_root = directory_;
      ::_exit(run_shim(options));
    }
    theirs_.reset();
  }
  int exit_status() {
    int status = 0;
    EXPECT_EQ(::waitpid(child_, &status, 0), child_);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::optional<ShimReply> reply() {
    std::string text(4096, '\0');
    const ssize_t size = ::recv(ours_.get(), text.data(), text.size(), 0);
    if (size <= 0) return std::nullopt;
    text.resize(static_cast<std::size_t>(size));
    auto parsed = parse_shim_reply(text);
    return parsed ? std::optional(*parsed) : std::nullopt;
  }
  [[nodiscard]] bool has(const char* file) const {
    return std::filesystem::exists(directory_ + "/" + file);
  }

  std::string directory_;
  UniqueFd ours_;
  UniqueFd theirs_;
  UniqueFd spec_;
  pid_t child_ = -1;
};

TEST_F(ShimTest, AnAgentThatIsGoneAfterItsGoGetsNothingStarted) {
  say_go();
  ours_.reset();
  start();
  EXPECT_EQ(exit_status(), 0);
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(ShimTest, TheLockOfAnotherShimIsRespectedAndItsRecordIsNotTouched) {
  auto lock = open_at(AT_FDCWD, directory_ + "/shim.lock", O_RDWR | O_CREAT, 0600);
  ASSERT_TRUE(lock);
  ASSERT_EQ(::flock(lock->get(), LOCK_EX | LOCK_NB), 0);
  say_go();
  start();
  const auto answer = reply();
  ASSERT_TRUE(answer && answer->error);
  EXPECT_EQ(answer->error->stage, "state");
  EXPECT_THAT(answer->error->text, testing::HasSubstr("another shim still holds"));
  EXPECT_EQ(exit_status(), 1);
  EXPECT_FALSE(has("exit.json"));
  EXPECT_FALSE(has("status.json"));
}

TEST_F(ShimTest, WithTheLockAFailedStartIsRecordedAndTheLockEndsWithTheShim) {
  say_go();
  start();
  const auto answer = reply();
  ASSERT_TRUE(answer && answer->error);  // an empty spec
  EXPECT_EQ(answer->error->stage, "spec");
  EXPECT_EQ(exit_status(), 0);
  EXPECT_TRUE(has("exit.json"));
  const auto lock = open_at(AT_FDCWD, directory_ + "/shim.lock", O_RDWR);
  ASSERT_TRUE(lock);
  EXPECT_EQ(::flock(lock->get(), LOCK_EX | LOCK_NB), 0);
}

}  // namespace
}  // namespace cgwarden::launcher
