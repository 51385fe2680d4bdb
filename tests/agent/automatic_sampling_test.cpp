// SamplingLoop where sampling.collector is auto: the program comes, goes and fails beside the loop.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <span>
#include <thread>

#include "agent/sampling_loop.h"
#include "base/limits.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SkippingClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override {
    TimePoint now = SystemClock().now();
    now.boottime += skipped_;
    return now;
  }
  void skip(Usec time) { skipped_ += time; }

 private:
  Usec skipped_{0};
};

// Tells nothing, so that all is read from files; says in which thread it ended.
class EmptySource final : public cgroup::ValueSource {
 public:
  EmptySource(std::atomic<int>& open, std::atomic<std::thread::id>& ended_in)
      : open_(open), ended_in_(ended_in) {
    ++open_;
  }
  ~EmptySource() override {
    ended_in_ = std::this_thread::get_id();
    --open_;
  }
  Result<std::span<const CgroupValues>> read() override { return std::span<const CgroupValues>(); }
  [[nodiscard]] Usec longest_walk() const override { return Usec{0}; }

 private:
  std::atomic<int>& open_;
  std::atomic<std::thread::id>& ended_in_;
};

class AutomaticSamplingTest : public ::testing::Test {
 protected:
  AutomaticSamplingTest() {
    options_.intervals.tick = Usec{20'000};
    options_.collector = policy::Collector::automatic;
    std::filesystem::create_directories(root_ + "/a");
    std::ofstream(root_ + "/a/memory.current") << "4096\n";
    cgroups_are(1);
  }
  void cgroups_are(std::size_t count) const {
    std::ofstream(root_ + "/cgroup.stat")
        << "nr_descendants " << count << "\nnr_dying_descendants 0\n";
  }
  // Runs the loop until `done` says so after a tick.
  void run_until(ValueSourceThread::Open open, const std::function<bool()>& done) {
    const auto tree = cgroup::Tree::open(root_, false);
    SamplingLoop sampling(
        {.loop = loop_.get(),
         .clock = &clock_,
         .tree = &*tree,
         .metrics = &metrics_,
         .open_values = std::move(open)},
        options_, [] {},
        [&](const auto& snapshot) {
          EXPECT_NE(snapshot->find("/a"), nullptr);
          clock_.skip(kBetweenTries);
          if (done()) loop_->stop();
        });
    ASSERT_TRUE(sampling.start());
    ASSERT_TRUE(loop_->run());
  }
  [[nodiscard]] ValueSourceThread::Opening open_empty() {
    opened_in_ = std::this_thread::get_id();
    return std::make_unique<EmptySource>(open_, ended_in_);
  }
  [[nodiscard]] bool shows(const std::string& line) const {
    return metrics_.render(exporters::Exposition::text_0_0_4).contains(line + "\n");
  }
  [[nodiscard]] bool in_use(const std::string& collector) const {
    return shows("cgwarden_agent_collector_in_use{collector=\"" + collector + "\"} 1");
  }

  // Each tick may try.
  static constexpr Usec kBetweenTries{601'000'000};
  static constexpr const char* kSuccess = "cgwarden_agent_collector_success{collector=\"bpf\"}";
  TemporaryDirectory temporary_;
  const std::string root_ = temporary_.path();
  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  SkippingClock clock_;
  exporters::SelfMetrics metrics_;
  Options options_;
  std::atomic<int> open_ = 0;
  std::atomic<std::thread::id> opened_in_;
  std::atomic<std::thread::id> ended_in_;
};

TEST_F(AutomaticSamplingTest, TicksGoOnWhileTheProgramIsLoadedElsewhere) {
  std::promise<void> ticked;
  std::atomic<bool> asked = false;
  // In the thread of ticks it would wait in vain.
  const auto slow = [this, &asked, ticks = ticked.get_future().share()] {
    asked = true;
    EXPECT_EQ(ticks.wait_for(std::chrono::seconds(60)), std::future_status::ready);
    return open_empty();
  };
  int ticks = 0;
  run_until(slow, [&] {
    if (asked && ticks < 5) {
      EXPECT_TRUE(in_use("files"));
      EXPECT_THAT(metrics_.render(exporters::Exposition::text_0_0_4), Not(HasSubstr(kSuccess)));
      if (++ticks == 5) ticked.set_value();
    }
    return in_use("bpf");
  });
  EXPECT_NE(opened_in_.load(), std::this_thread::get_id());
  EXPECT_TRUE(shows(std::string(kSuccess) + " 1"));
  EXPECT_TRUE(shows("cgwarden_agent_collector_in_use{collector=\"files\"} 0"));
  EXPECT_EQ(open_, 0);
}

TEST_F(AutomaticSamplingTest, ManyCgroupsEndItElsewhereToo) {
  bool was_in_use = false;
  run_until([this] { return open_empty(); },
            [&] {
              if (in_use("bpf")) {
                was_in_use = true;
                cgroups_are(limits::kCgroupsPerWalk + 1);
              }
              return was_in_use && in_use("files") && open_ == 0;
            });
  EXPECT_EQ(ended_in_.load(), opened_in_.load());
  EXPECT_THAT(metrics_.render(exporters::Exposition::text_0_0_4), Not(HasSubstr(kSuccess)));
}

TEST_F(AutomaticSamplingTest, AnAgentThatEndsWaitsForTheLoadAndLeavesNothing) {
  std::promise<void> ending;
  bool ended = false;
  std::atomic<bool> asked = false;
  const auto slow = [this, &asked, end = ending.get_future().share()] {
    asked = true;
    end.wait();
    return open_empty();
  };
  run_until(slow, [&] {
    const bool now = asked && !ended;
    if (now) ending.set_value();
    ended = ended || now;
    return ended;
  });
  EXPECT_NE(opened_in_.load(), std::thread::id());
  EXPECT_EQ(open_, 0);
}

TEST_F(AutomaticSamplingTest, NoMemoryPassesAndNoPermissionDoesNot) {
  std::atomic<int> loads = 0;
  int after = 0;
  const auto refused = [&]() -> ValueSourceThread::Opening {
    const int reason = ++loads < 3 ? ENOMEM : EPERM;
    return fail(Error::from_errno(reason, "load", "the BPF program"));
  };
  run_until(refused, [&] { return loads == 3 && ++after == 10; });
  EXPECT_EQ(loads, 3);
  EXPECT_TRUE(in_use("files"));
  EXPECT_THAT(metrics_.render(exporters::Exposition::text_0_0_4), Not(HasSubstr(kSuccess)));
}

}  // namespace
}  // namespace cgwarden::agent
