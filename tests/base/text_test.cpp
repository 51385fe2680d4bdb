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

// Format characters turn the text around them or hide some of it: what is shown is not what is
// there.
TEST(PrintableTest, ShowsWhatIsNotSeen) {
  EXPECT_EQ(printable("a\u202egpj.exe"), "a\\xe2\\x80\\xaegpj.exe");  // right to left override
  EXPECT_EQ(printable("\u2028"), "\\xe2\\x80\\xa8");                  // line separator
  for (const auto* hidden :
       {"\u00ad",     "\u0600",     "\u061c",    "\u070f",     "\u180e",     "\u200b",
        "\u200d",     "\u200f",     "\u2029",    "\u2060",     "\u2066",     "\u2069",
        "\u206f",     "\ufeff",     "\ufff9",    "\U000110bd", "\U0001bca0", "\U0001d173",
        "\U000e0001", "\U000e0020", "\U000e007f"}) {
    const std::string shown = printable(std::string("a") + hidden + "b");
    for (const char byte : shown) EXPECT_LT(static_cast<unsigned char>(byte), 0x80) << shown;
    EXPECT_EQ(shown.substr(0, 3), "a\\x") << shown;
  }
  for (const auto* seen : {"\u00ae", "\u05d0", "\u0627", "\u2010", "\u2026", "\u20ac", "\u4e2d",
                           "\ufffd", "\U0001f600"}) {
    EXPECT_EQ(printable(seen), seen);
  }
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
