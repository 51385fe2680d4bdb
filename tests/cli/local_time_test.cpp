#include "cli/local_time.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

#include "cli/since.h"
#include "cli/yaml_text.h"
#include "diagnosis/store.h"
#include "tests/cli/command.h"
#include "tests/paths.h"
#include "tests/temporary_directory.h"

namespace cgwarden::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Central Europe's rules, which need no time zone database.
constexpr const char* kCentralEurope = "CET-1CEST,M3.5.0,M10.5.0/3";
constexpr Usec kNoon{1'769'860'800'000'000};  // 2026-01-31 12:00:00 UTC
constexpr Usec kSummer{1'785'500'000'000'000};
constexpr Usec kHour{3'600'000'000};

class LocalTime : public testing::Test {
 protected:
  void SetUp() override { zone(kCentralEurope); }
  ~LocalTime() override { zone("UTC0"); }
  static void zone(const char* text) {
    ::setenv("TZ", text, 1);
    ::tzset();
  }
};

TEST_F(LocalTime, IsShownWithItsOffset) {
  EXPECT_EQ(wall_text(kNoon), "2026-01-31 13:00:00 +01:00");
  EXPECT_EQ(wall_text(kSummer), "2026-07-31 14:13:20 +02:00");
  zone("NST3:30");
  EXPECT_EQ(wall_text(kNoon), "2026-01-31 08:30:00 -03:30");
  zone("GMT0");
  EXPECT_EQ(wall_text(kNoon), "2026-01-31 12:00:00 +00:00");
  use_utc();
  EXPECT_EQ(wall_text(kNoon), "2026-01-31 12:00:00 UTC");
}

TEST_F(LocalTime, IsWhatATimeWithoutAZoneMeans) {
  EXPECT_EQ(calendar_time("2026-01-31 13:00", kNoon), kNoon);
  EXPECT_EQ(calendar_time("13:00", kNoon), kNoon);
  EXPECT_EQ(calendar_time("13:00:00.25", kNoon), kNoon + Usec{250'000});
  EXPECT_EQ(calendar_time("today 13:00", kNoon), kNoon);
  EXPECT_EQ(calendar_time("yesterday 13:00", kNoon), kNoon - 24 * kHour);
  EXPECT_EQ(calendar_time("tomorrow", kNoon), kNoon + 11 * kHour);
  // At half past eleven in the evening of UTC it is tomorrow already.
  EXPECT_EQ(calendar_time("today", kNoon + 11 * kHour + kHour / 2), kNoon + 11 * kHour);
  // A day has 23 hours when summer time begins.
  const Usec day_after = *calendar_time("2026-03-30 12:00", kNoon);
  EXPECT_EQ(calendar_time("yesterday 12:00", day_after), day_after - 24 * kHour);
  EXPECT_EQ(calendar_time("2026-03-28 12:00", kNoon), day_after - 47 * kHour);
}

TEST_F(LocalTime, AZoneMayBeNamed) {
  for (const auto* text :
       {"2026-01-31 12:00 UTC", "2026-01-31T12:00:00Z", "2026-01-31 13:00 +01:00",
        "2026-01-31T08:30:00-03:30", "2026-01-31 17:30:00 +0530", "today 12:00 UTC", "12:00 UTC"}) {
    EXPECT_EQ(calendar_time(text, kNoon), kNoon) << text;
  }
  // What is shown can be given back.
  for (const Usec time : {kNoon, kSummer}) EXPECT_EQ(calendar_time(wall_text(time), kNoon), time);
  for (const auto* text :
       {"2026-01-31 12:00 +1", "2026-01-31 12:00 +25:00", "2026-01-31 12:00 No/City",
        "2026-01-31 12:00 ../etc/passwd", "UTC", "+01:00", "2026-01-31 +01:00"}) {
    EXPECT_FALSE(calendar_time(text, kNoon)) << text;
  }
  ASSERT_EQ(::access("/usr/share/zoneinfo/America/New_York", R_OK), 0) << "package tzdata";
  EXPECT_EQ(calendar_time("2026-01-31 07:00 America/New_York", kNoon), kNoon);
  EXPECT_EQ(wall_text(kNoon), "2026-01-31 13:00:00 +01:00");  // ours is as it was
}

class LocalTimeOfCommands : public testing::Test {
 protected:
  void SetUp() override {
    auto store = diagnosis::StoreWriter::open(directory_.path() + "/store.db", 0);
    ASSERT_TRUE(store);
    const diagnosis::Event started{.kind = diagnosis::EventKind::agent_started,
                                   .when = {Usec{1}, kNoon}};
    ASSERT_TRUE(store->put_events({&started, 1}));
  }
  [[nodiscard]] Outcome ask(std::vector<std::string> words) const {
    std::vector<std::string> command{"env",
                                     std::string("TZ=") + kCentralEurope,
                                     in_build("cli/cgwarden"),
                                     "events",
                                     "--state-dir",
                                     directory_.path()};
    command.insert(command.end(), words.begin(), words.end());
    return run_program(command);
  }
  TemporaryDirectory directory_;
};

TEST_F(LocalTimeOfCommands, TheyHaveOneZoneForWhatTheyReadAndSay) {
  EXPECT_THAT(ask({}).out, StartsWith("2026-01-31 13:00:00 +01:00  agent_started"));
  EXPECT_THAT(ask({"--utc"}).out, StartsWith("2026-01-31 12:00:00 UTC  agent_started"));
  EXPECT_NE(ask({"--since", "2026-01-31 12:30"}).out, "");
  EXPECT_EQ(ask({"--since", "2026-01-31 12:30", "--utc"}).out, "");
  EXPECT_EQ(ask({"--utc", "--since", "2026-01-31 12:30"}).out, "");
  const Outcome wrong = ask({"--since", "2026-02-31"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("--since 2026-02-31: there is no such time"));
}

TEST_F(LocalTimeOfCommands, YamlHasTheMembersOfJson) {
  const Outcome yaml = ask({"-o", "yaml"});
  EXPECT_THAT(yaml.out, StartsWith("---\n"));
  EXPECT_THAT(yaml.out, HasSubstr("\n\"kind\": \"agent_started\"\n"));
  EXPECT_EQ(ask({"-o", "json"}).out, ask({"--json"}).out);
  EXPECT_EQ(ask({"-o", "text"}).out, ask({}).out);
  EXPECT_EQ(ask({"-o", "xml"}).exit_code, 2);
  EXPECT_EQ(ask({"-o", "yaml", "--json"}).exit_code, 2);
}

TEST(YamlText, BlocksKeepTheirShape) {
  EXPECT_EQ(yaml_text(R"({"a":1,"b":{"c":[1,{"d":"x: y\n","e":[]},[2,3]],"f":null},"g":{}})"),
            "---\n\"a\": 1\n\"b\":\n  \"c\":\n    - 1\n    - \"d\": \"x: y\\n\"\n      \"e\": []\n"
            "    - - 2\n      - 3\n  \"f\": null\n\"g\": {}\n");
  EXPECT_EQ(yaml_text("7"), "---\n7\n");
}

}  // namespace
}  // namespace cgwarden::cli
