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

TEST(Since, AnythingElseIsRefused) {
  for (const auto* text : {"", "10", "yesterday", "2026-01-31T12:00", "2026-13-01", "-5min"}) {
    EXPECT_FALSE(parse_since(text, kNow)) << text;
  }
}

TEST(Moment, HowLongAgo) {
  for (const auto* text : {"10m ago", "10min", "-10min", "10 minutes ago", " 600 s ago ", "-600s",
                           "9m 60s ago", "0.1h 4min"}) {
    const auto moment = parse_moment(text, kNow);
    ASSERT_TRUE(moment) << text;
    EXPECT_EQ(*moment, kNow - Usec{600'000'000}) << text;
  }
  EXPECT_EQ(*parse_moment("now", kNow), kNow);
  EXPECT_EQ(*parse_moment("2d", kNow), kNow - Usec{172'800'000'000});
  EXPECT_EQ(*parse_moment("500w ago", Usec{5}), Usec{0});
}

TEST(Moment, TimesOfDayAreTheLastOnes) {
  // 2027-01-15 08:00:00 UTC
  EXPECT_EQ(*parse_moment("07:59", kNow), kNow - Usec{60'000'000});
  EXPECT_EQ(*parse_moment("08:00:00", kNow), kNow);
  EXPECT_EQ(*parse_moment("08:00:01", kNow), kNow - Usec{86'399'000'000});
  EXPECT_EQ(*parse_moment("today", kNow), kNow - Usec{28'800'000'000});
  EXPECT_EQ(*parse_moment("yesterday", kNow), kNow - Usec{115'200'000'000});
  EXPECT_EQ(*parse_moment("2026-01-31 12:00", kNow), Usec{1'769'860'800'000'000});
}

TEST(Moment, AnythingElseIsRefused) {
  for (const auto* text : {"", " ", "ago", "-", "10", "m", "10m10", "25:00", "08:61", "tomorrow",
                           "1.2.3s", "99999999999999w", "-10m ago x", "--10m"}) {
    EXPECT_FALSE(parse_moment(text, kNow)) << text;
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
