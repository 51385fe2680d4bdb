#include "agent/event_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

using diagnosis::EventKind;
using testing::HasSubstr;

class Listener final : public Announcer {
 public:
  void died(const std::string&, const std::string&, const std::string&) override {}
  void event(const std::string& kind, const std::string& cgroup, const std::string&) override {
    heard.push_back(kind + " " + cgroup);
  }
  std::vector<std::string> heard;
};

class EventRecorderTest : public testing::Test {
 protected:
  EventRecorderTest() : directory_("/tmp/cgwarden-recorder.XXXXXX") {
    if (::mkdtemp(directory_.data()) == nullptr) throw std::runtime_error("mkdtemp");
    auto loop = EventLoop::create();
    auto store = diagnosis::StoreWriter::open(path(), 0);
    if (!loop || !store) throw std::runtime_error("loop or store");
    loop_ = *std::move(loop);
    store_.emplace(*std::move(store));
    recorder_.emplace(EventRecorder::Parts{
        .loop = loop_.get(), .store = &*store_, .node = &node_, .metrics = &metrics_});
    recorder_->announce_to(&listener_);
  }
  ~EventRecorderTest() override {
    recorder_.reset();
    std::filesystem::remove_all(directory_);
  }
  [[nodiscard]] std::string path() const { return directory_ + "/store.db"; }
  std::size_t stored() {
    auto reader = diagnosis::StoreReader::open(path());
    return reader ? reader->events({.most = 100'000})->size() : 0;
  }
  [[nodiscard]] std::string metrics() const {
    return metrics_.render(exporters::Exposition::text_0_0_4);
  }
  std::string directory_;
  std::unique_ptr<EventLoop> loop_;
  std::optional<diagnosis::StoreWriter> store_;
  NodeBook node_;
  exporters::SelfMetrics metrics_;
  Listener listener_;
  std::optional<EventRecorder> recorder_;
};

TEST_F(EventRecorderTest, TellsAtOnceAndStoresTogether) {
  recorder_->tell({.kind = EventKind::frozen, .cgroup = "/a"});
  recorder_->tell({.kind = EventKind::thawed, .cgroup = "/a"});
  EXPECT_THAT(listener_.heard, testing::ElementsAre("frozen /a", "thawed /a"));
  EXPECT_EQ(stored(), 0U);
  recorder_->flush();
  EXPECT_EQ(stored(), 2U);
  recorder_->flush();
  EXPECT_EQ(stored(), 2U);
  EXPECT_THAT(metrics(), HasSubstr("cgwarden_agent_events_total{kind=\"frozen\"} 1\n"));
}

TEST_F(EventRecorderTest, TheLoopStoresByItself) {
  recorder_->tell({.kind = EventKind::frozen, .cgroup = "/a"});
  auto end = loop_->timer(Usec{1}, Usec{10'000}, [this] {
    if (stored() > 0) loop_->stop();
  });
  ASSERT_TRUE(end);
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(stored(), 1U);
}

TEST_F(EventRecorderTest, AStormIsBoundedAndCounted) {
  for (std::size_t i = 0; i < limits::kPendingEvents + 5; ++i) {
    recorder_->tell({.kind = EventKind::policy_write, .cgroup = "/a"});
  }
  recorder_->flush();
  EXPECT_EQ(stored(), limits::kPendingEvents);
  EXPECT_LT(listener_.heard.size(), limits::kPendingEvents);
  EXPECT_THAT(metrics(), HasSubstr("cgwarden_agent_events_dropped_total 5\n"));
}

TEST_F(EventRecorderTest, TheNodesOomCountersGoOnWithTheNextAgent) {
  diagnosis::OomIncident incident;
  incident.attributed = true;
  incident.victims.resize(3);
  node_.add(incident);
  incident.attributed = false;
  node_.add(incident);
  recorder_->flush();
  NodeBook next;
  exporters::SelfMetrics shown;
  ASSERT_TRUE(next.load(*store_, shown));
  const std::string text = shown.render(exporters::Exposition::text_0_0_4);
  EXPECT_THAT(text, HasSubstr("cgwarden_node_oom_kills_total{attributed=\"yes\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cgwarden_node_oom_kills_total{attributed=\"no\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cgwarden_node_oom_victims_total 6\n"));
  EXPECT_TRUE(next.changed().empty());
}

}  // namespace
}  // namespace cgwarden::agent
