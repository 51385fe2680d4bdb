#include "agent/pressure_watch.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <memory>

#include "base/limits.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

const cgroup::PressureThreshold kMemory{"memory", "some", Usec(150'000), Usec(2'000'000)};
const cgroup::PressureThreshold kIo{"io", "full", Usec(50'000), Usec(4'000'000)};

class SetClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return at; }
  TimePoint at{Usec(1'000'000), Usec(1'000'000)};
};

policy::Policy watching_policy(const std::string& name, std::vector<std::string> globs,
                               std::vector<cgroup::PressureThreshold> pressure) {
  policy::Policy made;
  made.name = name;
  made.cgroups = std::move(globs);
  made.pressure = std::move(pressure);
  return made;
}

// Pressure files are pipes here: they keep what is written, and epoll(7) takes them. That they fire
// is seen on a real kernel (tests/vm/test_events.py).
class PressureWatchTest : public testing::Test {
 protected:
  PressureWatchTest() : loop_(std::move(*EventLoop::create())), tree_(open_tree()) {
    watch_ = std::make_unique<PressureWatch>(
        PressureWatch::Parts{
            .loop = loop_.get(), .clock = &clock_, .tree = &tree_, .metrics = &metrics_},
        [](const PressureWatch::Fired&) {});
  }
  cgroup::Tree open_tree() {
    auto tree = cgroup::Tree::open(directory_.path(), false);
    EXPECT_TRUE(tree) << tree.error().sentence();
    return *std::move(tree);
  }
  void cgroup(const std::string& path) {
    fs::create_directory(directory_.path() + path);
    for (const char* resource : {"cpu", "memory", "io"}) {
      const std::string file = directory_.path() + path + "/" + resource + ".pressure";
      ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    }
  }
  struct Seen {
    std::string path;
    std::uint64_t id = 0;
  };
  void update(const std::vector<Seen>& seen, const std::vector<policy::Policy>& policies) {
    std::vector<cgroup::Sample> samples;
    for (const auto& each : seen) {
      cgroup::Sample sample;
      sample.id = CgroupId{each.id};
      sample.path = each.path;
      samples.push_back(std::move(sample));
    }
    watch_->update(cgroup::Snapshot({}, std::move(samples)), policies);
  }
  // What was written to a file since the last call, a text for each trigger.
  std::vector<std::string> written(const std::string& file) {
    const UniqueFd fd(
        ::open((directory_.path() + file).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    std::array<char, 4096> buffer{};
    const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
    std::vector<std::string> texts;
    for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(texts.back().size()) + 1) {
      texts.emplace_back(buffer.data() + at);
    }
    return texts;
  }
  [[nodiscard]] bool armed(std::size_t count) const {
    return metrics_.render(exporters::Exposition::text_0_0_4)
               .find("cgwarden_agent_pressure_triggers " + std::to_string(count) + "\n") !=
           std::string::npos;
  }

  TemporaryDirectory directory_;
  SetClock clock_;
  exporters::SelfMetrics metrics_;
  std::unique_ptr<EventLoop> loop_;
  cgroup::Tree tree_;
  std::unique_ptr<PressureWatch> watch_;
};

TEST_F(PressureWatchTest, ArmsWhatAPolicyAsksForOnce) {
  cgroup("/a");
  cgroup("/b");
  const std::vector<policy::Policy> policies{watching_policy("p", {"/a"}, {kMemory, kIo})};
  for (int tick = 0; tick < 3; ++tick) update({{"/a", 1}, {"/b", 2}}, policies);
  EXPECT_THAT(written("/a/memory.pressure"), UnorderedElementsAre("some 150000 2000000"));
  EXPECT_THAT(written("/a/io.pressure"), UnorderedElementsAre("full 50000 4000000"));
  EXPECT_THAT(written("/a/cpu.pressure"), UnorderedElementsAre());
  EXPECT_THAT(written("/b/memory.pressure"), UnorderedElementsAre());
  EXPECT_TRUE(armed(2));
  EXPECT_EQ(watch_->source().state, SourceState::live);
  EXPECT_THAT(watch_->source().why, HasSubstr("2 of 2"));
}

TEST_F(PressureWatchTest, NobodyAsks) {
  cgroup("/a");
  policy::Policy planned = watching_policy("p", {"/a"}, {kMemory});
  planned.mode = policy::Mode::plan;
  update({{"/a", 1}}, {planned, watching_policy("q", {"/a"}, {})});
  EXPECT_THAT(written("/a/memory.pressure"), UnorderedElementsAre());
  EXPECT_TRUE(armed(0));
  EXPECT_EQ(watch_->source().state, SourceState::unused);
}

TEST_F(PressureWatchTest, TwoPoliciesWithOneWishShareATrigger) {
  cgroup("/a");
  update({{"/a", 1}},
         {watching_policy("p", {"/a"}, {kMemory}), watching_policy("q", {"/*"}, {kMemory, kIo})});
  EXPECT_THAT(written("/a/memory.pressure"), UnorderedElementsAre("some 150000 2000000"));
  EXPECT_TRUE(armed(2));
}

TEST_F(PressureWatchTest, EndsWhatIsNotAskedForAnyMore) {
  cgroup("/a");
  cgroup("/b");
  const std::vector<policy::Policy> policies{watching_policy("p", {"/*"}, {kMemory})};
  update({{"/a", 1}, {"/b", 2}}, policies);
  EXPECT_TRUE(armed(2));
  update({{"/b", 2}}, policies);  // a cgroup that went
  EXPECT_TRUE(armed(1));
  update({{"/b", 2}}, {});  // a policy that went
  EXPECT_TRUE(armed(0));
  EXPECT_EQ(watch_->source().state, SourceState::unused);
}

TEST_F(PressureWatchTest, ACgroupThatIsMadeAnewIsArmedAnew) {
  cgroup("/a");
  const std::vector<policy::Policy> policies{watching_policy("p", {"/a"}, {kMemory})};
  update({{"/a", 1}}, policies);
  EXPECT_EQ(written("/a/memory.pressure").size(), 1U);
  update({{"/a", 7}}, policies);
  EXPECT_EQ(written("/a/memory.pressure").size(), 1U);
  EXPECT_TRUE(armed(1));
}

TEST_F(PressureWatchTest, WhatCannotBeSetIsSaidAndTriedAgain) {
  fs::create_directory(directory_.path() + "/a");
  const std::string file = directory_.path() + "/a/memory.pressure";
  // No pressure file is a directory: what open(2) refuses and what does not pass by itself.
  fs::create_directory(file);
  const std::vector<policy::Policy> policies{watching_policy("p", {"/a"}, {kMemory})};
  update({{"/a", 1}}, policies);
  EXPECT_TRUE(armed(0));
  EXPECT_EQ(watch_->source().state, SourceState::off);
  EXPECT_THAT(watch_->source().why, HasSubstr("memory.pressure"));
  fs::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  clock_.at.boottime += Usec(59'000'000);
  update({{"/a", 1}}, policies);
  EXPECT_TRUE(armed(0)) << "not before a minute is over";
  clock_.at.boottime += Usec(1'000'000);
  update({{"/a", 1}}, policies);
  EXPECT_TRUE(armed(1));
  EXPECT_EQ(watch_->source().state, SourceState::live);
}

// A regular file takes the text and is nothing to wait for.
TEST_F(PressureWatchTest, WhatCannotBeWaitedForIsSaid) {
  fs::create_directory(directory_.path() + "/a");
  const UniqueFd file(::open((directory_.path() + "/a/memory.pressure").c_str(),
                             O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_TRUE(file.valid());
  update({{"/a", 1}}, {watching_policy("p", {"/a"}, {kMemory})});
  EXPECT_TRUE(armed(0));
  EXPECT_EQ(watch_->source().state, SourceState::off);
  EXPECT_THAT(watch_->source().why, HasSubstr("0 of 1"));
}

TEST_F(PressureWatchTest, HoldsSoManyAndSaysThatMoreWereWanted) {
  std::vector<Seen> seen;
  for (std::size_t i = 0; i < limits::kPressureTriggers + 5; ++i) {
    const std::string path = "/c" + std::to_string(i);
    cgroup(path);
    seen.push_back({path, i + 1});
  }
  const std::vector<policy::Policy> policies{watching_policy("p", {"/*"}, {kMemory})};
  update(seen, policies);
  EXPECT_TRUE(armed(limits::kPressureTriggers));
  EXPECT_EQ(watch_->source().state, SourceState::limited);
  // Some go, and there is room.
  seen.erase(seen.begin(), seen.begin() + 5);
  update(seen, policies);
  update(seen, policies);
  EXPECT_TRUE(armed(limits::kPressureTriggers));
  EXPECT_EQ(watch_->source().state, SourceState::live);
}

}  // namespace
}  // namespace cgwarden::agent
