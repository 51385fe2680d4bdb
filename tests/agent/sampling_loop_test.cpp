#include "agent/sampling_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "exporters/catalog.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

using ::testing::HasSubstr;

class SamplingLoopTest : public ::testing::Test {
 protected:
  void make(const std::string& path) const {
    std::filesystem::create_directories(root_ + path);
    std::ofstream(root_ + path + "/memory.current") << "4096\n";
  }
  // Runs the loop until `done` says so of a snapshot.
  void run_until(const Options& options,
                 const std::function<bool(const cgroup::Snapshot& snapshot)>& done) {
    const auto tree = cgroup::Tree::open(root_, false);
    SamplingLoop sampling(
        {.loop = loop_.get(), .clock = &clock_, .tree = &*tree, .metrics = &metrics_}, options,
        [] {},
        [&](const auto& snapshot) {
          if (done(*snapshot)) loop_->stop();
        });
    ASSERT_TRUE(sampling.start());
    ASSERT_TRUE(loop_->run());
  }

  TemporaryDirectory temporary_;
  const std::string root_ = temporary_.path();
  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  SystemClock clock_;
  exporters::SelfMetrics metrics_;
};

TEST_F(SamplingLoopTest, SeesWhatIsMadeAndRemovedLaterAndCountsItsCollectors) {
  make("/a");
  Options options;
  options.intervals.tick = Usec{100'000};
  int stage = 0;
  run_until(options, [&](const cgroup::Snapshot& snapshot) {
    if (stage == 0 && snapshot.find("/a") != nullptr) {
      make("/a/b");
      stage = 1;
    } else if (stage == 1 && snapshot.find("/a/b") != nullptr) {
      std::filesystem::remove_all(root_ + "/a/b");
      stage = 2;
    } else if (stage == 2 && snapshot.gone().size() == 1) {
      stage = 3;
    }
    return stage == 3;
  });
  const std::string text = metrics_.render(exporters::Exposition::text_0_0_4);
  for (const auto collector : exporters::kCollectors) {
    EXPECT_THAT(text, HasSubstr("cgwarden_agent_collector_runs_total{collector=\"" +
                                std::string(collector) + "\"}"));
  }
  EXPECT_THAT(text, ::testing::Not(HasSubstr("runs_total{collector=\"tick\"} 0\n")));
  EXPECT_THAT(text, HasSubstr("cgwarden_agent_sampling_interval_seconds 0.1\n"));
  // Born at 0.
  EXPECT_THAT(text,
              HasSubstr("cgwarden_agent_read_errors_total{file=\"cpu.stat\",kind=\"io\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cgwarden_agent_cgroups_dropped_total{reason=\"cap\"} 0\n"));
}

// The tree is no hierarchy of cgroups, so that no kernel and no privilege makes BPF possible.
TEST_F(SamplingLoopTest, WhereTheBpfProgramCannotBeHadFilesAreReadAndTheCollectorHasFailed) {
  make("/a");
  Options options;
  options.intervals.tick = Usec{100'000};
  options.collector = policy::Collector::bpf;
  int ticks = 0;
  run_until(options, [&](const cgroup::Snapshot& snapshot) {
    const cgroup::Sample* sample = snapshot.find("/a");
    EXPECT_TRUE(sample != nullptr && sample->memory_current == Bytes{4096});
    return ++ticks == 2;
  });
  const std::string text = metrics_.render(exporters::Exposition::text_0_0_4);
  EXPECT_THAT(text, HasSubstr("cgwarden_agent_collector_success{collector=\"bpf\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cgwarden_agent_collector_success{collector=\"tick\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cgwarden_agent_collector_in_use{collector=\"files\"} 1\n"));
}

TEST_F(SamplingLoopTest, GlobsChooseAndDamageIsCounted) {
  make("/a/x");
  make("/b/x");
  std::ofstream(root_ + "/b/x/memory.current") << "many\n";
  Options options;
  options.intervals.tick = Usec{100'000};
  options.discovery.include = {"/a/**", "/b/**"};
  options.discovery.exclude = {"/a/x"};
  std::set<std::string> seen;
  int ticks = 0;
  run_until(options, [&](const cgroup::Snapshot& snapshot) {
    for (const auto& sample : snapshot.samples()) seen.insert(sample.path);
    return ++ticks == 2;
  });
  EXPECT_THAT(seen, ::testing::Contains("/b/x"));
  EXPECT_THAT(seen, ::testing::Not(::testing::Contains("/a/x")));
  EXPECT_THAT(seen, ::testing::Not(::testing::Contains("/")));
  const std::string text = metrics_.render(exporters::Exposition::text_0_0_4);
  EXPECT_THAT(text, ::testing::Not(HasSubstr(
                        "read_errors_total{file=\"memory.current\",kind=\"malformed\"} 0\n")));
  EXPECT_THAT(text, HasSubstr("cgwarden_agent_collector_success{collector=\"tick\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cgwarden_agent_unreadable_files 1\n"));
}

}  // namespace
}  // namespace cgwarden::agent
