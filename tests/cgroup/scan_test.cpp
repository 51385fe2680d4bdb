// scan.h says what format.h says, or nothing.
#include "cgroup/scan.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>

#include "cgroup/format.h"
#include "tests/cgroup/facts.h"
#include "tests/cgroup/fixture_tree.h"
#include "tests/paths.h"

namespace cgwarden::cgroup {
namespace {

using testing::control_files;
using testing::Facts;
using testing::facts;

// The facts of both readers of one file; nullopt: refused.
struct BothReaders {
  const char* file;
  std::function<std::optional<Facts>(std::string_view)> scan;
  std::function<std::optional<Facts>(std::string_view)> parse;
};

template <typename Value>
BothReaders both(const char* file, bool (*scan)(std::string_view, Value&),
                 const std::function<Result<Value>(std::string_view)>& parse) {
  return {file,
          [scan](std::string_view text) -> std::optional<Facts> {
            Value value{};
            if (!scan(text, value)) return std::nullopt;
            return facts(value);
          },
          [parse](std::string_view text) -> std::optional<Facts> {
            const auto value = parse(text);
            if (!value) return std::nullopt;
            return facts(*value);
          }};
}

const std::vector<BothReaders>& both_readers() {
  const auto events = [](std::string_view text) { return parse_memory_events(text); };
  const auto pressure = [](std::string_view text) { return parse_pressure(text, "f"); };
  const auto number = [](std::string_view text) { return parse_number(text, "f"); };
  static const std::vector<BothReaders> kBoth{
      both<CpuStat>("cpu.stat", scan_cpu_stat, parse_cpu_stat),
      both<std::uint64_t>("memory.current", scan_number, number),
      both<MemoryEvents>("memory.events", scan_memory_events, events),
      both<Pressure>("cpu.pressure", scan_pressure, pressure),
      both<Pressure>("memory.pressure", scan_pressure, pressure),
      both<Pressure>("io.pressure", scan_pressure, pressure),
      both<CgroupEvents>("cgroup.events", scan_cgroup_events, parse_cgroup_events),
  };
  return kBoth;
}

void expect_no_other_value(const BothReaders& pair, const std::string& text) {
  const auto scanned = pair.scan(text);
  if (scanned) {
    EXPECT_EQ(scanned, pair.parse(text)) << pair.file << ": " << text;
  }
}

// Every capture of both kernels is in the fast shape, or the tick would be slow there.
TEST(ScanTest, TakesWhatKernelsPrint) {
  std::size_t captures = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(in_source("tests/fixtures"))) {
    for (const BothReaders& pair : both_readers()) {
      if (entry.path().filename() != pair.file) continue;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      ASSERT_TRUE(pair.scan(text.str())) << entry.path();
      EXPECT_EQ(pair.scan(text.str()), pair.parse(text.str())) << entry.path();
      ++captures;
    }
  }
  EXPECT_GT(captures, 30U);
  for (const BothReaders& pair : both_readers())
    EXPECT_TRUE(pair.scan(control_files().at(pair.file)));
}

TEST(ScanTest, TruncatedOrDoubledSaysNothingElse) {
  for (const BothReaders& pair : both_readers()) {
    const std::string& text = control_files().at(pair.file);
    for (std::size_t length = 0; length < text.size(); ++length) {
      expect_no_other_value(pair, text.substr(0, length));
    }
    EXPECT_FALSE(pair.scan(text + text)) << pair.file;
  }
}

TEST(ScanTest, DamagedBytesSayNothingElse) {
  std::mt19937_64 random(20261126);
  for (const BothReaders& pair : both_readers()) {
    const std::string& text = control_files().at(pair.file);
    for (int round = 0; round < 5000; ++round) {
      std::string damaged = text;
      for (auto hits = 1 + random() % 3; hits > 0; --hits) {
        damaged[random() % damaged.size()] = static_cast<char>(random());
      }
      expect_no_other_value(pair, damaged);
    }
    // Digits only: the damage that most often still parses.
    for (int round = 0; round < 5000; ++round) {
      std::string damaged = text;
      damaged[random() % damaged.size()] = "0123456789 .=\n"[random() % 14];
      expect_no_other_value(pair, damaged);
    }
  }
}

TEST(ScanTest, RandomCountsOfEverySize) {
  std::mt19937_64 random(3);
  for (const BothReaders& pair : both_readers()) {
    const std::string name = pair.file;
    if (name != "cpu.stat" && name != "memory.events") continue;
    const Facts keys = pair.parse(control_files().at(name)).value();
    for (int round = 0; round < 300; ++round) {
      std::string text;
      for (const auto& [key, unused] : keys) {
        if (random() % 4 == 0) continue;
        text += key + " " + std::to_string(random() >> (random() % 64)) + "\n";
        if (random() % 4 == 0) text += "new_key_" + key + " max\n";
      }
      ASSERT_TRUE(pair.scan(text)) << text;
      EXPECT_EQ(pair.scan(text), pair.parse(text)) << text;
    }
  }
}

TEST(ScanTest, RandomPressureIsTheNearestDouble) {
  std::mt19937_64 random(5);
  const auto average = [&] {
    const std::uint64_t hundredths = random() >> (17 + random() % 47);
    const std::string fraction = std::to_string(hundredths % 100);
    return std::to_string(hundredths / 100) + (fraction.size() == 1 ? ".0" : ".") + fraction;
  };
  std::size_t taken = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (const char* key : {"some", "full"}) {
      text += std::string(key) + " avg10=" + average() + " avg60=" + average() +
              " avg300=" + average() + " total=" + std::to_string(random() >> (random() % 64)) +
              "\n";
    }
    const auto value = parse_pressure(text, "f");
    Pressure scanned;
    if (!scan_pressure(text, scanned)) continue;
    ++taken;
    ASSERT_TRUE(value.has_value());
    EXPECT_EQ(scanned.some->avg10, value->some->avg10) << text;
    EXPECT_EQ(scanned.full->avg300, value->full->avg300) << text;
    EXPECT_EQ(scanned.full->total_usec, value->full->total_usec) << text;
  }
  EXPECT_GT(taken, 1000U);
}

TEST(ScanTest, MoreUnknownKeysThanThereIsRoomForIsLeftToTheParser) {
  std::string text = "usage_usec 1\n";
  for (int i = 0; i < 16; ++i) text += "key" + std::to_string(i) + " 1\n";
  CpuStat stat;
  EXPECT_TRUE(scan_cpu_stat(text, stat));
  text += "one_more 1\n";
  EXPECT_FALSE(scan_cpu_stat(text, stat));
  EXPECT_TRUE(parse_cpu_stat(text).has_value());
  EXPECT_FALSE(scan_cpu_stat("new_key 1\nnew_key 2\n", stat));
}

}  // namespace
}  // namespace cgwarden::cgroup
