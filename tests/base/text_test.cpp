#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "base/units.h"

namespace cgwarden {
namespace {

TEST(ParseIntegerTest, TakesWholeNumbersOnly) {
  EXPECT_EQ(parse_integer<std::uint64_t>("18446744073709551615"), 18446744073709551615ULL);
  for (const auto* bad : {"", " 1", "1 ", "+1", "-1", "12abc", "0x10", "18446744073709551616"}) {
    EXPECT_EQ(parse_integer<std::uint64_t>(bad), std::nullopt) << bad;
  }
}

TEST(SplitTest, KeepsEmptyPieces) {
  EXPECT_THAT(split("a,,b", ','), testing::ElementsAre("a", "", "b"));
  EXPECT_THAT(split("", ','), testing::ElementsAre(""));
}

TEST(TrimTest, TakesBlanksFromBothEnds) {
  EXPECT_EQ(trim(" \t a b \n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

TEST(PrintableTest, ShowsControlBytesAndBadUtf8) {
  EXPECT_EQ(printable("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(printable("a\x1b[31mb\n"), "a\\x1b[31mb\\x0a");
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");           // C1 control CSI
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
}

TEST(HumanTest, BytesAndDurations) {
  EXPECT_EQ(human_bytes(Bytes{512}), "512 B");
  EXPECT_EQ(human_bytes(Bytes{64ULL << 20U}), "64.0 MiB");
  EXPECT_EQ(human_duration(Usec(350)), "350 us");
  EXPECT_EQ(human_duration(Usec(20000)), "20 ms");
  EXPECT_EQ(human_duration(Usec(1500000)), "1.50 s");
  EXPECT_EQ(human_duration(Usec(125000000)), "2min 5s");
}

}  // namespace
}  // namespace cgwarden
