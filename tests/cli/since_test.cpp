#include "cli/since.h"

#include <gmock/gmock.h>

#include "cli/log_stream.h"

namespace cgwarden::cli {
namespace {

constexpr Usec kNow{1'800'000'000'000'000};

TEST(Since, HowLongAgo) {
  EXPECT_EQ(*parse_since("10min", kNow), kNow - Usec{600'000'000});
  EXPECT_EQ(*parse_since("0", kNow), kNow);
}

TEST(Since, WhenInUtc) {
  EXPECT_EQ(*parse_since("2026-01-31 12:00:00", kNow), Usec{1'769'860'800'000'000});
  EXPECT_EQ(*parse_since("2026-01-31 12:00:00 UTC", kNow), Usec{1'769'860'800'000'000});
  EXPECT_EQ(*parse_since("2026-01-31 12:00", kNow), Usec{1'769'860'800'000'000});
  EXPECT_EQ(*parse_since("2026-01-31", kNow), Usec{1'769'817'600'000'000});
}

TEST(Since, InTheWordsOfSystemd) {
  constexpr Usec kToday{kNow.count() / 86'400'000'000 * 86'400'000'000};
  EXPECT_EQ(*parse_since("now", kNow), kNow);
  EXPECT_EQ(*parse_since("today", kNow), kToday);
  EXPECT_EQ(*parse_since("yesterday", kNow), kToday - Usec{86'400'000'000});
  EXPECT_EQ(*parse_since("-5min", kNow), kNow - Usec{300'000'000});
  EXPECT_EQ(*parse_since("10min ago", kNow), kNow - Usec{600'000'000});
  EXPECT_EQ(*parse_since("2h 30min ago", kNow), kNow - Usec{9'000'000'000});
  EXPECT_EQ(*parse_since("1d12h", kNow), kNow - Usec{129'600'000'000});
  EXPECT_EQ(*parse_since("1 week", kNow), kNow - Usec{604'800'000'000});
  EXPECT_EQ(*parse_since("1.5h", kNow), kNow - Usec{5'400'000'000});
  EXPECT_EQ(*parse_since("@1769860800", kNow), Usec{1'769'860'800'000'000});
  EXPECT_EQ(*parse_since("2026-01-31T12:00:00Z", kNow), Usec{1'769'860'800'000'000});
  EXPECT_EQ(*parse_since("2026-01-31T12:00", kNow), Usec{1'769'860'800'000'000});
  EXPECT_EQ(*parse_since("01:00", kNow), kToday + Usec{3'600'000'000});
}

TEST(Since, AnythingElseIsRefused) {
  for (const auto* text : {"",
                           "10",
                           "ago",
                           "min",
                           "10parsecs",
                           "2026-13-01",
                           "2026-02-31",
                           "2025-02-29",
                           "2026-04-31 10:00",
                           "2026-01-00",
                           "2026-01-31 24:00:00",
                           "2026-01-31 12:60",
                           "2026-01-31 12:00:60",
                           "2026-1-31",
                           "--5min",
                           "25:00",
                           "@",
                           "@-1",
                           "2026-01-31 12:00 Nowhere/City",
                           "99999999999999d",
                           "10min ago ago"}) {
    EXPECT_FALSE(parse_since(text, kNow)) << text;
  }
}

std::string times(std::initializer_list<std::uint64_t> numbers) {
  std::string text;
  for (const auto number : numbers) {
    text.append(reinterpret_cast<const char*>(&number), sizeof(number));
  }
  return text;
}

TEST(Since, TheOffsetInALog) {
  const std::string noted = times({10'500'000, 0, 12'000'000, 40, 20'000'000, 90});
  EXPECT_EQ(offset_since(noted, Usec{0}), 0U);
  EXPECT_EQ(offset_since(noted, Usec{10'900'000}), 0U);
  EXPECT_EQ(offset_since(noted, Usec{11'000'000}), 40U);
  EXPECT_EQ(offset_since(noted, Usec{13'000'000}), 90U);
  EXPECT_EQ(offset_since(noted, Usec{21'000'000}), std::string_view::npos);
  EXPECT_EQ(offset_since(noted.substr(0, 40), Usec{13'000'000}), std::string_view::npos);
  EXPECT_EQ(offset_since("", Usec{0}), std::string_view::npos);
}

}  // namespace
}  // namespace cgwarden::cli
