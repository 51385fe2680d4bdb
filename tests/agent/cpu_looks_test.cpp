// What is read between two ticks, on a fixture tree. That the kernel's files are is seen in the VM.
#include "agent/cpu_looks.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

namespace fs = std::filesystem;

class CpuLooksTest : public testing::Test {
 protected:
  CpuLooksTest() {
    make("/a");
    tree_ = *cgroup::Tree::open(directory_.path(), false);
  }
  void make(const std::string& path) {
    fs::create_directory(directory_.path() + path);
    throttled(0, path);
    write(path + "/cpu.pressure",
          "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
          "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
    write(path + "/cpu.max", "20000 100000\n");
    write(path + "/cpu.max.burst", "10000\n");
    write(path + "/cgroup.controllers", "cpu\n");
  }
  void write(const std::string& file, const std::string& text) const {
    std::ofstream(directory_.path() + file) << text;
  }
  void remove(const std::string& file) const { fs::remove(directory_.path() + file); }
  void throttled(unsigned periods, const std::string& path = "/a") const {
    write(path + "/cpu.stat",
          "usage_usec 100\nuser_usec 60\nsystem_usec 40\nnr_periods 9\n"
          "nr_throttled " +
              std::to_string(periods) +
              "\nthrottled_usec 5\n"
              "nr_bursts 0\nburst_usec 0\n");
  }
  [[nodiscard]] Adaptation::CpuLoop loop_of(const std::string& path = "/a") const {
    return {*tree_->id_of(path), path};
  }
  void watch(const std::vector<Adaptation::CpuLoop>& loops) {
    const Status watched = looks_->watch(loops);
    said_ = watched ? "" : watched.error().sentence();
  }
  // The next look.
  void look() {
    seen_.clear();
    unread_ = 99;
    ASSERT_TRUE(loop_->run());
  }

  TemporaryDirectory directory_;
  std::optional<cgroup::Tree> tree_;
  SystemClock clock_;
  cgroup::KernelFiles files_;
  std::unique_ptr<EventLoop> loop_ = *EventLoop::create();
  std::map<std::string, cgroup::Sample> seen_;
  std::size_t unread_ = 0;
  std::string said_;
  std::optional<CpuLooks> looks_;

  void SetUp() override {
    looks_.emplace(*loop_, clock_, *tree_, files_,
                   [this](const auto& looks, std::size_t unread, Usec begun) {
                     for (const auto& look : looks) seen_[look.sample->path] = *look.sample;
                     unread_ = unread;
                     for (const auto& look : looks) EXPECT_LE(begun, look.at.boottime);
                     loop_->stop();
                   });
  }
};

TEST_F(CpuLooksTest, TheFirstLookHasAll) {
  watch({loop_of()});
  EXPECT_EQ(said_, "");
  look();
  ASSERT_EQ(seen_.size(), 1U);
  const auto& sample = seen_.at("/a");
  EXPECT_EQ(sample.id, loop_of().id);
  EXPECT_EQ(sample.cpu_stat->usage_usec, 100U);
  EXPECT_EQ(sample.cpu_max, (cgroup::CpuMax{Usec{20'000}, Usec{100'000}}));
  EXPECT_EQ(sample.cpu_max_burst, Usec{10'000});
  EXPECT_EQ(sample.cpu_pressure->some->total_usec, 7U);
  EXPECT_EQ(unread_, 0U);
}

TEST_F(CpuLooksTest, AKernelWithoutPressureOrBurstIsLookedAtAllTheSame) {
  make("/b");
  remove("/a/cpu.pressure");
  remove("/b/cpu.max.burst");
  watch({loop_of(), loop_of("/b")});
  look();
  EXPECT_EQ(seen_.size(), 2U);
  EXPECT_FALSE(seen_.at("/a").cpu_pressure);
  EXPECT_FALSE(seen_.at("/b").cpu_max_burst);
  EXPECT_EQ(unread_, 0U);
}

TEST_F(CpuLooksTest, AQuietOneIsReadInPart) {
  watch({loop_of()});
  look();
  write("/a/cpu.max", "30000 100000\n");
  look();
  EXPECT_EQ(std::get<Usec>(seen_.at("/a").cpu_max->quota), Usec{20'000});
  EXPECT_FALSE(seen_.at("/a").cpu_pressure);
}

TEST_F(CpuLooksTest, OneThatIsThrottledIsReadWhole) {
  watch({loop_of()});
  look();
  write("/a/cpu.max", "30000 100000\n");
  throttled(1);
  look();
  EXPECT_EQ(std::get<Usec>(seen_.at("/a").cpu_max->quota), Usec{30'000});
  EXPECT_TRUE(seen_.at("/a").cpu_pressure);
  EXPECT_EQ(seen_.at("/a").cpu_stat->nr_throttled, 1U);
}

TEST_F(CpuLooksTest, AQuotaThatWasWrittenIsReadAgain) {
  watch({loop_of()});
  look();
  write("/a/cpu.max", "30000 100000\n");
  looks_->changed(loop_of().id);
  look();
  EXPECT_EQ(std::get<Usec>(seen_.at("/a").cpu_max->quota), Usec{30'000});
}

TEST_F(CpuLooksTest, ATickHasAllReadAgain) {
  watch({loop_of()});
  look();
  write("/a/cpu.max", "30000 100000\n");
  watch({loop_of()});
  look();
  EXPECT_EQ(std::get<Usec>(seen_.at("/a").cpu_max->quota), Usec{30'000});
}

TEST_F(CpuLooksTest, AnotherCgroupUnderThePathIsNotTheOne) {
  const auto old = loop_of();
  fs::rename(directory_.path() + "/a", directory_.path() + "/was");
  make("/a");
  watch({old});
  EXPECT_EQ(said_, "") << "it is gone, which is no fault";
  watch({loop_of("/was")});
  look();
  EXPECT_EQ(seen_.count("/was"), 1U);
}

TEST_F(CpuLooksTest, OneThatIsGoneIsNoFaultAndKeepsNobodyElseFromBeingSeen) {
  make("/b");
  watch({loop_of(), loop_of("/b")});
  fs::remove_all(directory_.path() + "/a");
  look();
  EXPECT_EQ(seen_.size(), 1U);
  EXPECT_EQ(seen_.count("/b"), 1U);
  EXPECT_EQ(unread_, 0U);
}

TEST_F(CpuLooksTest, OneThatCannotBeReadIsCounted) {
  write("/a/cpu.max", "what\n");
  watch({loop_of()});
  look();
  EXPECT_THAT(seen_, testing::IsEmpty());
  EXPECT_EQ(unread_, 1U);
  write("/a/cpu.max", "30000 100000\n");
  look();
  EXPECT_EQ(seen_.size(), 1U);
  EXPECT_EQ(unread_, 0U);
}

TEST_F(CpuLooksTest, OneWithoutTheControllerIsLeftToTheTick) {
  remove("/a/cpu.max");
  watch({loop_of()});
  look();
  EXPECT_THAT(seen_, testing::IsEmpty());
  EXPECT_EQ(unread_, 0U);
}

TEST_F(CpuLooksTest, DescriptorsThatRunOutAreTold) {
  rlimit was{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &was), 0);
  const auto loop = loop_of();
  rlimit none = was;
  none.rlim_cur = 3;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  watch({loop});
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &was), 0);
  EXPECT_THAT(said_, testing::HasSubstr("/a"));
}

TEST_F(CpuLooksTest, MoreThanAreLookedAtIsTold) {
  std::vector<Adaptation::CpuLoop> loops;
  for (int i = 0; i < 201; ++i) {
    const std::string path = "/" + std::to_string(i);
    make(path);
    loops.push_back(loop_of(path));
  }
  watch(loops);
  EXPECT_THAT(said_, testing::HasSubstr("at most 200"));
  look();
  EXPECT_EQ(seen_.size(), 200U);
}

}  // namespace
}  // namespace cgwarden::agent
