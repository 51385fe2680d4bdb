#include "agent/event_loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace cgwarden::agent {
namespace {

class EventLoopTest : public testing::Test {
 protected:
  EventLoopTest() : loop_(std::move(*EventLoop::create())) {}
  static void signal(const UniqueFd& fd) {
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(fd.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  }
  static UniqueFd event() { return UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
  std::unique_ptr<EventLoop> loop_;
};

TEST_F(EventLoopTest, AHandlerMayEndItsOwnWatch) {
  const UniqueFd fd = event();
  signal(fd);
  int calls = 0;
  EventLoop::Watch watch;
  watch = std::move(*loop_->add(fd.get(), EPOLLIN, [&](std::uint32_t) {
    ++calls;
    watch = {};
  }));
  auto end = loop_->timer(Usec(20000), Usec{0}, [&] { loop_->stop(); });
  ASSERT_TRUE(end);
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(calls, 1);  // the fd stays readable: a watch still alive would have fired again
}

TEST_F(EventLoopTest, AHandlerMayEndAnotherWatchOfTheSameBatch) {
  const UniqueFd first = event();
  const UniqueFd second = event();
  signal(first);
  signal(second);
  int calls = 0;
  EventLoop::Watch one;
  EventLoop::Watch two;
  one = std::move(*loop_->add(first.get(), EPOLLIN, [&](std::uint32_t) {
    ++calls;
    one = {};
    two = {};
  }));
  two = std::move(*loop_->add(second.get(), EPOLLIN, [&](std::uint32_t) {
    ++calls;
    one = {};
    two = {};
  }));
  auto end = loop_->timer(Usec(20000), Usec{0}, [&] { loop_->stop(); });
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, TimersRepeatUntilTheyAreDropped) {
  int ticks = 0;
  EventLoop::Timer timer;
  timer = std::move(*loop_->timer(Usec{0}, Usec(1000), [&] {
    if (++ticks == 3) {
      timer = {};
      loop_->stop();
    }
  }));
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(ticks, 3);
  EXPECT_FALSE(timer.active());
}

TEST_F(EventLoopTest, AWatchOfABadDescriptorIsAnError) {
  EXPECT_FALSE(loop_->add(-1, EPOLLIN, [](std::uint32_t) {}));
}

// Red under ThreadSanitizer when the fd is closed first: its number is then another thread's.
TEST_F(EventLoopTest, AReplacedTimerEndsItsWatchBeforeItsFd) {
  std::atomic<bool> over = false;
  std::thread other([&] {
    while (!over) {
      const UniqueFd fd(::eventfd(0, EFD_CLOEXEC));
      ASSERT_TRUE(fd.valid());
    }
  });
  EventLoop::Timer timer;
  for (int i = 0; i < 2000; ++i) {
    auto next = loop_->timer(Usec(1'000'000), Usec{0}, [] {});
    ASSERT_TRUE(next);
    timer = std::move(*next);
    timer = {};
  }
  over = true;
  other.join();
}

}  // namespace
}  // namespace cgwarden::agent
