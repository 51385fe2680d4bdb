#include "agent/upper_use.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

namespace cgwarden::agent {
namespace {

TEST(UpperUseTest, ReadsWhatDuPrints) {
  const auto use = parse_use("4096\t/var/lib/cgwarden/overlay/web\n0\t/a b/db\nx\t/c\n12\n9/9\n");
  ASSERT_EQ(use.size(), 2U);
  EXPECT_EQ(use.at("web").value, 4096U);
  EXPECT_EQ(use.at("db").value, 0U);
}

class HandClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return time; }
  TimePoint time{};
};

TEST(UpperUseTest, MeasuresBesideTheLoopAndNotTooOften) {
  std::string pattern = testing::TempDir() + "cgwarden-use-XXXXXX";
  const std::string state = ::mkdtemp(pattern.data());
  std::filesystem::create_directories(state + "/overlay/web/upper");
  std::filesystem::create_directories(state + "/overlay/.discarded/old.1");
  std::ofstream(state + "/overlay/web/upper/file") << std::string(100'000, 'x');
  const auto loop = EventLoop::create().value();
  HandClock clock;
  UpperUse use(*loop, clock, state);
  const auto run_until = [&](auto condition) {
    auto timer = loop->timer(Usec{0}, Usec{1000}, [&] {
      if (condition()) loop->stop();
    });
    return timer && loop->run();
  };
  EXPECT_FALSE(use.of("web"));
  use.tick();
  ASSERT_TRUE(run_until([&] { return use.of("web").has_value(); }));
  EXPECT_GE(use.of("web")->value, 100'000U);
  EXPECT_FALSE(use.of(".discarded") || use.of("old.1"));
  std::filesystem::remove_all(state + "/overlay/web");
  use.tick();  // too soon
  EXPECT_TRUE(use.of("web"));
  clock.time.boottime += Usec{10'000'000};
  use.tick();
  EXPECT_FALSE(use.of("web"));
  std::filesystem::remove_all(state);
}

}  // namespace
}  // namespace cgwarden::agent
