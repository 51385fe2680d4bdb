#include "agent/event_sources.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/paths.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

using testing::HasSubstr;

TEST(EventSources, EveryRowHasAName) {
  std::set<std::string_view> names;
  for (const auto& row : kEventSources) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.what.empty()) << row.name;
    EXPECT_FALSE(row.costs.empty()) << row.name;
    EXPECT_EQ(row_of(row.source).name, row.name);
  }
}

// Of each row of the table in docs/event-sources.md: the source.
TEST(EventSources, OfTwoPartsTheWorseOneThatIsUsedCounts) {
  const SourceReport live{SourceState::live, "of 2 workloads"};
  const SourceReport limited{SourceState::limited, "no room for 3"};
  const SourceReport unused{SourceState::unused, "no workload runs"};
  EXPECT_EQ(both(live, limited),
            (SourceReport{SourceState::limited, "of 2 workloads; no room for 3"}));
  EXPECT_EQ(both(limited, live),
            (SourceReport{SourceState::limited, "no room for 3; of 2 workloads"}));
  EXPECT_EQ(both(unused, limited), limited);
  EXPECT_EQ(both(live, unused), live);
  EXPECT_EQ(both(unused, unused), unused);
}

TEST(EventSources, EveryRowIsDocumented) {
  std::ifstream file(in_source("docs/event-sources.md"));
  std::vector<std::string> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| `")) rows.push_back(line.substr(3, line.find('`', 3) - 3));
  }
  std::vector<std::string> names;
  for (const auto& row : kEventSources) names.emplace_back(row.name);
  EXPECT_EQ(rows, names);
}

class EventSourcesFile : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return event_sources_path(directory_.path()); }
  [[nodiscard]] PublishedSource published(EventSource source) const {
    const auto all = read_event_sources(path());
    if (!all) {
      ADD_FAILURE() << all.error().sentence();
      return {};
    }
    for (const auto& each : *all) {
      if (each.name == row_of(source).name) return each;
    }
    ADD_FAILURE() << "not published";
    return {};
  }

  TemporaryDirectory directory_;
};

TEST_F(EventSourcesFile, WhatIsSetIsRead) {
  EventSources sources(path());
  sources.set(EventSource::tree, {SourceState::limited, "watches ran out"});
  sources.set(EventSource::pressure, {SourceState::unused, "nobody asks"});
  sources.set(EventSource::bus, {});
  ASSERT_TRUE(sources.publish());
  const auto all = read_event_sources(path());
  ASSERT_TRUE(all) << all.error().sentence();
  EXPECT_EQ(all->size(), kEventSourceCount);
  const auto tree = published(EventSource::tree);
  EXPECT_EQ(tree.state, SourceState::limited);
  EXPECT_EQ(tree.why, "watches ran out");
  EXPECT_EQ(tree.costs, row_of(EventSource::tree).costs);
  EXPECT_EQ(published(EventSource::pressure).state, SourceState::unused);
  EXPECT_EQ(published(EventSource::bus).state, SourceState::live);
}

TEST_F(EventSourcesFile, WhatWasNeverSetIsOff) {
  EventSources sources(path());
  ASSERT_TRUE(sources.publish());
  EXPECT_EQ(published(EventSource::signals).state, SourceState::off);
  EXPECT_THAT(published(EventSource::signals).why, HasSubstr("not opened"));
}

TEST_F(EventSourcesFile, IsWrittenOnlyWhenSomethingChanged) {
  EventSources sources(path());
  sources.set(EventSource::bus, {SourceState::off, "no bus"});
  ASSERT_TRUE(sources.publish());
  std::filesystem::remove(path());
  sources.set(EventSource::bus, {SourceState::off, "no bus"});
  ASSERT_TRUE(sources.publish());
  EXPECT_FALSE(std::filesystem::exists(path()));
  sources.set(EventSource::bus, {});
  ASSERT_TRUE(sources.publish());
  EXPECT_EQ(published(EventSource::bus).state, SourceState::live);
}

TEST_F(EventSourcesFile, AFailedWriteIsTriedAgain) {
  EventSources sources(directory_.path() + "/none/sources.json");
  EXPECT_FALSE(sources.publish());
  std::filesystem::create_directory(directory_.path() + "/none");
  EXPECT_TRUE(sources.publish());
  EXPECT_TRUE(std::filesystem::exists(directory_.path() + "/none/sources.json"));
}

TEST_F(EventSourcesFile, AWhyThatIsNotUtf8IsStillWritten) {
  EventSources sources(path());
  sources.set(EventSource::units, {SourceState::off, "no \xff"});
  ASSERT_TRUE(sources.publish());
  EXPECT_THAT(published(EventSource::units).why, HasSubstr("no "));
}

TEST_F(EventSourcesFile, AForeignFileIsNotBelieved) {
  EXPECT_EQ(read_event_sources(path()).error().kind, ErrorKind::vanished);
  for (const char* text : {"", "[]", R"({"version":2,"sources":[]})", R"({"version":1})",
                           R"({"version":1,"sources":[{"source":"tree","what":"","why":"",)"
                           R"("costs":"","state":"perhaps"}]})"}) {
    std::ofstream(path()) << text;
    const auto read = read_event_sources(path());
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().kind, ErrorKind::malformed) << text;
  }
}

}  // namespace
}  // namespace cgwarden::agent
