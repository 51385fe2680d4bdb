// What a row says, and above all what it must not: a missing number is missing.
#include <gmock/gmock.h>

#include <cmath>

#include "cli/top/columns.h"
#include "tests/cli/top_frames.h"

namespace cgwarden::cli::top {
namespace {

using testing::DoubleEq;
using testing::Optional;

TEST(TopFrame, RatesAreOfTheTimeBetweenTwoTicks) {
  const Frame frame = busy_frame();
  const Row& row = row_at(frame, "/cgwarden.slice/web.scope/payload");
  EXPECT_THAT(row.value(Column::cpu), Optional(DoubleEq(0.5)));
  EXPECT_THAT(row.value(Column::throttled), Optional(DoubleEq(0.75)));
  EXPECT_THAT(row.value(Column::lost), Optional(DoubleEq(0.75)));
  EXPECT_THAT(row.value(Column::memory_some), Optional(DoubleEq(0.25)));
  EXPECT_THAT(row.value(Column::memory_full), Optional(DoubleEq(0.1)));
  EXPECT_THAT(row.value(Column::cpu_some), Optional(DoubleEq(1)));
  EXPECT_THAT(row.value(Column::read), Optional(DoubleEq(2 * kMiB)));
  EXPECT_THAT(row.value(Column::oom_kill), Optional(DoubleEq(2)));
  EXPECT_THAT(row.value(Column::pids), Optional(DoubleEq(3)));
}

TEST(TopFrame, TheLimitIsTheSmallestOnTheWayUp) {
  const Frame frame = busy_frame();
  for (const auto* path : {"/cgwarden.slice", "/cgwarden.slice/web.scope/payload"}) {
    EXPECT_THAT(row_at(frame, path).value(Column::limit), Optional(DoubleEq(128 * kMiB)));
    EXPECT_EQ(row_at(frame, path).limit_of, "/cgwarden.slice");
  }
  EXPECT_THAT(row_at(frame, "/cgwarden.slice/web.scope").value(Column::share),
              Optional(DoubleEq(100.0 / 128)));
  const Row& free = row_at(frame, "/system.slice/ssh.service");
  EXPECT_TRUE(std::isinf(free.value(Column::limit).value()));
  EXPECT_EQ(free.limit_of, "");
  EXPECT_EQ(free.value(Column::share), std::nullopt);
  EXPECT_EQ(text_of(Column::limit, free), "max");
}

TEST(TopFrame, WhatIsMissingIsNotZero) {
  const Frame frame = busy_frame();
  const Row& fresh = row_at(frame, "/system.slice/new.service");
  for (const ColumnInfo& info : columns()) {
    if (info.column == Column::name || info.column == Column::kind) continue;
    EXPECT_EQ(fresh.value(info.column), std::nullopt) << info.word;
    EXPECT_EQ(text_of(info.column, fresh), "-") << info.word;
  }
  // A counter that stands still is zero, and no period is no share.
  const Frame idle = framed({reading(
      "/a", {{"cpu.stat.usage_usec", 7}, {"cpu.stat.nr_periods", 7}, {"cpu.stat.nr_throttled", 1}},
      {{"cpu.stat.usage_usec", 7}, {"cpu.stat.nr_periods", 7}, {"cpu.stat.nr_throttled", 1}})});
  EXPECT_THAT(idle.rows[0].value(Column::cpu), Optional(0.0));
  EXPECT_EQ(idle.rows[0].value(Column::throttled), std::nullopt);
}

TEST(TopFrame, ACounterThatBeganAnewHasNoRate) {
  const Frame frame =
      framed({reading("/a", {{"cpu.stat.usage_usec", 900}}, {{"cpu.stat.usage_usec", 100}})});
  EXPECT_EQ(frame.rows[0].value(Column::cpu), std::nullopt);
  const Frame no_time = framed(
      {reading("/a", {{"cpu.stat.usage_usec", 1}}, {{"cpu.stat.usage_usec", 100}}, Usec{0})});
  EXPECT_EQ(no_time.rows[0].value(Column::cpu), std::nullopt);
}

TEST(TopFrame, NamesAreThoseOfPeople) {
  using enum identity::Kind;
  const auto name = [](identity::Identity known) { return name_of("/a/b", known); };
  const std::string payload = "/cgwarden.slice/web.scope/payload";
  EXPECT_EQ(name_of(payload, identity::of_path(payload)), "web");
  EXPECT_EQ(name_of("/", identity::of_path("/")), "/");
  EXPECT_EQ(
      name({.kind = container, .container = "nginx", .pod = "web-1", .pod_namespace = "shop"}),
      "shop/web-1/nginx");
  EXPECT_EQ(name({.kind = container, .container_id = "0123456789abcdef"}), "0123456789ab");
  EXPECT_EQ(name({.kind = pod, .pod_uid = "1-2-3"}), "1-2-3");
  EXPECT_EQ(name({.kind = session, .session = "4"}), "session 4");
  EXPECT_EQ(name({.kind = group, .unit = "ssh.service"}), "b");
}

TEST(TopFrame, TheStoreKnowsWorkloadsAndSubjects) {
  const auto store_name = [](const char* path) { return store_name_of(identity::of_path(path)); };
  EXPECT_EQ(store_name("/cgwarden.slice/web.scope/payload"), "web");
  EXPECT_EQ(store_name("/system.slice/ssh.service"), "unit:/ssh.service");
  EXPECT_EQ(store_name("/cgwarden.slice/web.scope/payload/inner"), "");
  EXPECT_EQ(store_name("/system.slice"), "");
}

std::vector<std::string> paths(const Frame& frame) {
  std::vector<std::string> all;
  for (const Row& row : frame.rows) all.push_back(row.path);
  return all;
}

TEST(TopFrame, OneOfThemWithWhatIsInside) {
  Frame frame = busy_frame();
  keep_called(frame, "web");
  EXPECT_THAT(paths(frame), testing::ElementsAre("/cgwarden.slice/web.scope/payload"));
  // The limit is still that of an ancestor which is not shown.
  EXPECT_THAT(frame.rows[0].value(Column::limit), Optional(DoubleEq(128 * kMiB)));
  frame = busy_frame();
  keep_called(frame, "/system.slice");
  EXPECT_EQ(frame.rows.size(), 3U);
  keep_called(frame, "/system.slice/ssh.service");
  EXPECT_EQ(frame.rows.size(), 1U);
  keep_called(frame, "/system.slice/ssh");
  EXPECT_EQ(frame.rows.size(), 0U);
}

TEST(TopColumns, NumbersFitTheirColumn) {
  EXPECT_EQ(text_of(Unit::bytes, 0), "0");
  EXPECT_EQ(text_of(Unit::bytes, 999), "999");
  EXPECT_EQ(text_of(Unit::bytes, 1000), "1.0K");
  EXPECT_EQ(text_of(Unit::bytes, 64.0 * kMiB), "64.0M");
  EXPECT_EQ(text_of(Unit::bytes, 1023.0 * kMiB), "1.0G");
  EXPECT_EQ(text_of(Unit::cores, 128), "128.0");
  EXPECT_EQ(text_of(Unit::share, 1), "100");
  EXPECT_EQ(text_of(Unit::share, 0.9996), "100");
  EXPECT_EQ(text_of(Unit::count, 4194304), "4.2M");
  EXPECT_EQ(text_of(Unit::count, std::nullopt), "-");
  for (const double value : {0.0, 0.999, 1.0, 9.996, 99.96, 999.6, 1023.9, 99999.0, 1e9, 9e18}) {
    EXPECT_LE(text_of(Unit::bytes, value).size(), 5U) << value;
  }
}

TEST(TopColumns, EveryColumnIsFoundByItsWord) {
  for (const ColumnInfo& info : columns()) {
    EXPECT_EQ(column_called(info.word), info.column);
    EXPECT_EQ(info_of(info.column).word, info.word);
    EXPECT_LE(info.title.size(), info.width) << info.word;
  }
  EXPECT_EQ(column_called("load"), std::nullopt);
}

TEST(TopColumns, MissingComesLastInBothOrders) {
  const Frame frame = busy_frame();
  const Row& fresh = row_at(frame, "/system.slice/new.service");
  const Row& web = row_at(frame, "/cgwarden.slice/web.scope/payload");
  for (const bool reverse : {false, true}) {
    EXPECT_TRUE(comes_before(web, fresh, Column::cpu, reverse));
    EXPECT_FALSE(comes_before(fresh, web, Column::cpu, reverse));
  }
  Row judged = fresh;
  judged.verdict = LastVerdict{"EXITED", "proven", "it ended", kWall};
  EXPECT_TRUE(comes_before(judged, web, Column::verdict, false));
  EXPECT_TRUE(comes_before(judged, web, Column::verdict, true));
  EXPECT_FALSE(comes_before(web, web, Column::cpu, true));
}

}  // namespace
}  // namespace cgwarden::cli::top
