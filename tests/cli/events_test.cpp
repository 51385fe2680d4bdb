// `cgwarden events` from the store alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "cli/event_text.h"
#include "diagnosis/store.h"
#include "tests/cli/command.h"

namespace cgwarden::cli {
namespace {

using diagnosis::Event;
using diagnosis::EventKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr Usec kNewYear{1'798'761'600'000'000};  // 2027-01-01

class EventsTest : public testing::Test {
 protected:
  EventsTest() : directory_("/tmp/cgwarden-events.XXXXXX") {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  ~EventsTest() override { std::filesystem::remove_all(directory_); }

  void store() const {
    auto writer = diagnosis::StoreWriter::open(directory_ + "/store.db", 0);
    ASSERT_TRUE(writer) << writer.error().sentence();
    ASSERT_TRUE(writer->put_events(
        std::vector<Event>{{.kind = EventKind::agent_started, .when = {Usec(1), kNewYear}},
                           {.kind = EventKind::oom_kill,
                            .when = {Usec(2), kNewYear + Usec(60'000'000)},
                            .cgroup = "/kubepods/pod1/c1",
                            .container = "cart",
                            .pod = "shop",
                            .text = "the OOM killer killed 7 (x\n)"},
                           {.kind = EventKind::death,
                            .when = {Usec(3), kNewYear + Usec(120'000'000)},
                            .cgroup = "/cgwarden.slice/web.scope/payload",
                            .workload = "web",
                            .verdict = "OOM_OWN_LIMIT",
                            .text = "web was killed"}}));
  }
  [[nodiscard]] Outcome ask(std::vector<std::string> words) const {
    words.insert(words.begin(), "events");
    words.insert(words.end(), {"--state-dir", directory_});
    return cgwarden(words);
  }
  // The kinds of the lines of --json.
  [[nodiscard]] std::vector<std::string> kinds(std::vector<std::string> words) const {
    words.emplace_back("--json");
    std::istringstream lines(ask(words).out);
    std::vector<std::string> found;
    for (std::string line; std::getline(lines, line);) {
      found.push_back(nlohmann::json::parse(line).at("kind"));
    }
    return found;
  }
  std::string directory_;
};

TEST_F(EventsTest, OneLineEachOldestFirst) {
  store();
  const Outcome shown = ask({});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_EQ(shown.out,
            "2027-01-01 00:00:00 UTC  agent_started\n"
            "2027-01-01 00:01:00 UTC  oom_kill  cart (/kubepods/pod1/c1): the OOM killer killed 7 "
            "(x\\x0a)\n"
            "2027-01-01 00:02:00 UTC  death OOM_OWN_LIMIT  web "
            "(/cgwarden.slice/web.scope/payload): web was killed\n");
}

TEST_F(EventsTest, ChoosesByKindTimeAndName) {
  store();
  EXPECT_THAT(kinds({}), ElementsAre("agent_started", "oom_kill", "death"));
  EXPECT_THAT(kinds({"-n", "1"}), ElementsAre("death"));
  EXPECT_THAT(kinds({"--kind", "death", "--kind", "agent_started"}),
              ElementsAre("agent_started", "death"));
  EXPECT_THAT(kinds({"--since", "2027-01-01 00:01:00", "--until", "2027-01-01 00:01:30"}),
              ElementsAre("oom_kill"));
  for (const char* about : {"/kubepods/**", "cart", "shop"}) {
    EXPECT_THAT(kinds({"--cgroup", about}), ElementsAre("oom_kill")) << about;
  }
  EXPECT_THAT(kinds({"--cgroup", "web"}), ElementsAre("death"));
  EXPECT_THAT(kinds({"--cgroup", "/kubepods"}), ElementsAre());
}

TEST_F(EventsTest, WrongUsageAndNoStore) {
  EXPECT_EQ(ask({"--kind", "birth"}).exit_code, 2);
  const Outcome time = ask({"--until", "soon"});
  EXPECT_EQ(time.exit_code, 2);
  EXPECT_THAT(time.err, HasSubstr("--until soon"));
  const Outcome none = ask({});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.err, HasSubstr("no agent has stored"));
}

TEST_F(EventsTest, ANumberOfLinesIsAtLeastOne) {
  store();
  for (const auto* lines : {"-5", "0", "x", "1.5"}) {
    const Outcome asked = ask({"-n", lines});
    EXPECT_EQ(asked.exit_code, 2) << lines;
    EXPECT_EQ(asked.out, "") << lines;
    EXPECT_EQ(std::ranges::count(asked.err, '\n'), 1) << asked.err;
    EXPECT_EQ(cgwarden({"kmsg", "-n", lines, "--state-dir", directory_}).exit_code, 2) << lines;
  }
  EXPECT_THAT(ask({"-n", "0"}).err, HasSubstr("--lines"));
  EXPECT_THAT(kinds({"-n", "1"}), ElementsAre("death"));
}

TEST(EventText, IsAboutItsNamesAndItsPath) {
  const Event event{
      .kind = EventKind::death, .cgroup = "/system.slice/ssh.service", .unit = "ssh.service"};
  EXPECT_TRUE(is_about(event, "ssh.service"));
  EXPECT_TRUE(is_about(event, "/system.slice/*"));
  EXPECT_FALSE(is_about(event, "ssh"));
  EXPECT_THAT(event_line(event), Not(HasSubstr("()")));
}

}  // namespace
}  // namespace cgwarden::cli
