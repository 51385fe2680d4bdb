// What pipes get, and what a recorded moment becomes.
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/top/past.h"
#include "cli/top/plain.h"
#include "cli/top/verdict_book.h"
#include "tests/cli/top_frames.h"

namespace cgwarden::cli::top {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(TopPlain, OneLineEachWithTheWholeName) {
  Frame frame = busy_frame();
  State state;
  state.filter = "slice";
  const std::string text = plain_text(frame, state, true);
  EXPECT_THAT(text, StartsWith("live 2026-01-31 12:00:00 UTC  6 of 7 cgroups  over 2.00 s\n"));
  const auto lines = split(text, '\n');
  ASSERT_EQ(lines.size(), 9U);
  EXPECT_TRUE(lines[1].starts_with("KIND"));
  EXPECT_TRUE(lines[1].ends_with("LAST VERDICT        NAME"));
  for (std::size_t i = 2; i < 8; ++i) EXPECT_GT(lines[i].size(), 150U);
  frame.dropped = 3;
  EXPECT_THAT(plain_text(frame, state, false), HasSubstr("past 2026"));
  EXPECT_THAT(plain_text(frame, state, false), HasSubstr("  3 left out\n"));
}

TEST(TopPlain, ADirectoryIsNamedByItsPath) {
  const Frame frame = framed({reading("/a/b\n\x1b", {}, {})});
  EXPECT_THAT(plain_text(frame, {}, true), HasSubstr("  /a/b\\x0a\\x1b\n"));
}

TEST(TopPlain, JsonHasNullForWhatIsMissing) {
  Frame frame = busy_frame();
  VerdictBook verdicts("/nowhere/store.db");
  verdicts.set("web", {{"EXITED", "proven", "after", kWall + Usec{1}},
                       {"OOM_OWN_LIMIT", "proven", "it was killed", kWall - Usec{1}}});
  verdicts.put_into(frame);
  State state;
  state.sort = Column::name;
  const std::string text = frame_json(frame, state, false);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const auto document = nlohmann::json::parse(text);
  EXPECT_EQ(document["version"], 1);
  EXPECT_EQ(document["time"], kWall.count());
  EXPECT_EQ(document["live"], false);
  EXPECT_EQ(document["interval_seconds"], 2.0);
  ASSERT_EQ(document["cgroups"].size(), 7U);
  const auto of = [&](const std::string& path) {
    for (const auto& row : document["cgroups"]) {
      if (row["path"] == path) return row;
    }
    return nlohmann::json();
  };
  const auto web = of("/cgwarden.slice/web.scope/payload");
  EXPECT_EQ(web["name"], "web");
  EXPECT_EQ(web["kind"], "workload");
  EXPECT_EQ(web["memory_bytes"], 100 * kMiB);
  EXPECT_EQ(web["memory_limit_bytes"], 128 * kMiB);
  EXPECT_EQ(web["memory_limit_of"], "/cgwarden.slice");
  EXPECT_EQ(web["throttled_share"], 0.75);
  EXPECT_EQ(web["cpu_cores"], 0.5);
  EXPECT_EQ(web["oom_kills"], 2);
  EXPECT_TRUE(web["io_some_share"].is_null());
  EXPECT_EQ(web["last_verdict"]["verdict"], "OOM_OWN_LIMIT") << "the later one was not known then";
  const auto fresh = of("/system.slice/new.service");
  for (const auto* member : {"cpu_cores", "memory_bytes", "memory_limit_bytes", "pids",
                             "last_verdict", "throttled_share", "memory_limit_of"}) {
    EXPECT_TRUE(fresh.contains(member)) << member;
    EXPECT_TRUE(fresh[member].is_null()) << member;
  }
  EXPECT_EQ(of("/system.slice/ssh.service")["memory_limit_bytes"], "max");
}

TEST(TopPlain, JsonOfAFirstLookHasNoInterval) {
  const auto document =
      nlohmann::json::parse(frame_json(make_frame(kWall, std::nullopt, {}), {}, true));
  EXPECT_TRUE(document["interval_seconds"].is_null());
}

TEST(TopPlain, NamesThatAreNoUtf8AreStillJson) {
  const Frame frame = framed({reading("/\xff\x01", {}, {})});
  EXPECT_EQ(nlohmann::json::parse(frame_json(frame, {}, true))["cgroups"][0]["path"],
            "/\\xff\\x01");
}

// Series of all fields, as the recording gives them.
diagnosis::RecordedMoment::Row recorded(std::string path, std::vector<Numbers> samples) {
  diagnosis::RecordedMoment::Row row;
  row.cgroup.path = path;
  row.cgroup.identity = identity::of_path(path);
  row.samples.fields.assign(cgroup::fields().begin(), cgroup::fields().end());
  Usec time = kWall - Usec{1'000'000} * samples.size();
  bool first = true;
  for (const Numbers& sample : samples) {
    time += Usec{1'000'000};
    row.samples.append(time, std::exchange(first, false), sample.values, sample.present);
  }
  return row;
}

TEST(TopPast, ARecordedMomentIsAFrame) {
  diagnosis::RecordedMoment moment;
  moment.time = kWall;
  moment.fields.assign(cgroup::fields().begin(), cgroup::fields().end());
  moment.rows.push_back(
      recorded("/a", {numbers({{"cpu.stat.usage_usec", 100}}),
                      numbers({{"cpu.stat.usage_usec", 250'100}, {"memory.current", kMiB}})}));
  moment.rows.push_back(recorded("/b", {numbers({{"cpu.stat.usage_usec", 100}})}));
  const Frame frame = frame_of(moment);
  EXPECT_EQ(frame.time, kWall);
  EXPECT_EQ(frame.between, Usec{1'000'000});
  ASSERT_EQ(frame.rows.size(), 2U);
  EXPECT_THAT(frame.rows[0].value(Column::cpu), testing::Optional(testing::DoubleEq(0.25)));
  EXPECT_THAT(frame.rows[0].value(Column::memory), testing::Optional(testing::DoubleEq(kMiB)));
  EXPECT_EQ(frame.rows[1].value(Column::cpu), std::nullopt);
  EXPECT_EQ(frame.rows[1].value(Column::memory), std::nullopt);
}

TEST(TopPast, AFieldThatThisVersionDoesNotKnowIsLeftOut) {
  diagnosis::RecordedMoment moment;
  moment.time = kWall;
  moment.fields = {{"memory.future", cgroup::FieldKind::gauge},
                   {"memory.current", cgroup::FieldKind::gauge}};
  diagnosis::RecordedMoment::Row row;
  row.cgroup.path = "/a";
  row.samples.fields = moment.fields;
  const std::vector<std::uint64_t> values{7, kMiB};
  const std::vector<std::uint8_t> present{1, 1};
  row.samples.append(kWall, true, values, present);
  moment.rows.push_back(row);
  EXPECT_THAT(frame_of(moment).rows[0].value(Column::memory),
              testing::Optional(testing::DoubleEq(kMiB)));
}

TEST(TopPast, CurvesHaveGapsWhereNothingIsKnown) {
  diagnosis::Series series;
  for (const auto& name : curve_fields()) {
    series.fields.push_back(cgroup::fields()[cgroup::field_index(name).value()]);
  }
  const auto add = [&](std::uint64_t second, std::vector<std::uint64_t> values, bool start) {
    series.append(kWall + Usec{second * 1'000'000}, start, values,
                  std::vector<std::uint8_t>(values.size(), 1));
  };
  add(0, {0, 0, 0, kMiB, 0, 0}, true);
  add(1, {500'000, 10, 5, 2 * kMiB, 250'000, 0}, false);
  add(2, {500'000, 10, 5, kMiB, 250'000, 0}, false);
  const auto curves = curves_of(series);
  ASSERT_EQ(curves.size(), 5U);
  EXPECT_EQ(curves[0].title, "CPU cores");
  EXPECT_EQ(curves[0].points, (std::vector<std::optional<double>>{std::nullopt, 0.5, 0.0}));
  EXPECT_EQ(curves[0].newest, "0.00");
  EXPECT_EQ(curves[0].most, "0.50");
  EXPECT_EQ(curves[1].points,
            (std::vector<std::optional<double>>{std::nullopt, 0.5, std::nullopt}));
  EXPECT_EQ(curves[1].newest, "-") << "no period passed";
  EXPECT_EQ(curves[1].most, "50.0 %");
  EXPECT_EQ(curves[2].newest, "1.0M");
  EXPECT_EQ(curves[3].most, "25.0 %");
}

TEST(TopVerdicts, ThatOfTheTimeWhichIsShown) {
  Frame frame = busy_frame();
  VerdictBook verdicts("/nowhere/store.db");
  EXPECT_TRUE(verdicts.refresh()) << "no store is no verdict";
  verdicts.set("unit:/ssh.service", {{"ABORTED", "likely", "it aborted", kWall + Usec{1}}});
  verdicts.put_into(frame);
  EXPECT_FALSE(row_at(frame, "/system.slice/ssh.service").verdict) << "it has not happened yet";
  frame.time += Usec{1};
  verdicts.put_into(frame);
  EXPECT_EQ(row_at(frame, "/system.slice/ssh.service").verdict->word, "ABORTED");
  EXPECT_FALSE(row_at(frame, "/").verdict);
}

}  // namespace
}  // namespace cgwarden::cli::top
