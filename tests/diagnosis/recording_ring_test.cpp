#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>

#include "diagnosis/recording/ring.h"
#include "tests/diagnosis/recorded.h"

namespace cgwarden::diagnosis::recording {
namespace {

using testing::SegmentBytes;
using Row = std::vector<SegmentBytes::Value>;
using ::testing::ElementsAre;

const std::vector<cgroup::Field> kFields{{"usage", cgroup::FieldKind::counter},
                                         {"current", cgroup::FieldKind::gauge},
                                         {"max", cgroup::FieldKind::limit}};

ColumnMap identical() {
  ColumnMap columns(kFields.size());
  std::iota(columns.begin(), columns.end(), 0U);
  return columns;
}

Row row_at(const Block& block, std::size_t sample) {
  Row row;
  for (std::size_t f = 0; f < block.fields; ++f) {
    const std::size_t at = block.at(f, sample);
    row.push_back(block.present[at] != 0 ? SegmentBytes::Value(block.values[at]) : std::nullopt);
  }
  return row;
}

TEST(RingTest, SamplesComeBackWithWhoTheyAreOf) {
  SegmentBytes segment(77, kFields, "b1");
  segment.tick(1000, 5, "/system.slice/ssh.service", {10, 20, cgroup::kNoLimit});
  segment.tick(2000, 5, "/system.slice/ssh.service", {10, std::nullopt, 0});
  segment.tick(3001, 5, "/system.slice/ssh.service", {12, 0, cgroup::kNoLimit});
  const std::string bytes = segment.bytes();
  const auto read = RingSegment::read(bytes);
  ASSERT_TRUE(read) << read.error().sentence();
  EXPECT_EQ(read->id(), 77U);
  EXPECT_EQ(read->fields(), kFields);
  EXPECT_THAT(read->ticks(), ElementsAre(1000, 2000, 3001));
  ASSERT_EQ(read->streams(), 1U);
  EXPECT_EQ(read->stream(0).boot, "b1");
  EXPECT_EQ(read->stream(0).id, CgroupId{5});
  EXPECT_EQ(read->stream(0).path, "/system.slice/ssh.service");
  EXPECT_EQ(read->stream(0).identity.unit, "ssh.service");
  EXPECT_EQ(read->stream(0).identity.kind, identity::Kind::service);
  Block block;
  ASSERT_TRUE(read->decode(0, identical(), 3, block));
  ASSERT_EQ(block.samples(), 3U);
  EXPECT_EQ(row_at(block, 0), (Row{10, 20, cgroup::kNoLimit}));
  EXPECT_EQ(row_at(block, 1), (Row{10, std::nullopt, 0}));
  EXPECT_EQ(row_at(block, 2), (Row{12, 0, cgroup::kNoLimit}));
}

TEST(RingTest, ACounterThatFellAndANewDirectoryAreStreamsOfTheirOwn) {
  SegmentBytes segment(1, kFields);
  segment.tick(1, 5, "/a", {10, 1, 1});
  segment.tick(2, 5, "/a", {3, 1, 1});  // a controller came back
  segment.tick(3, 5, "/a", {std::nullopt, 1, 1});
  segment.tick(4, 5, "/a", {4, 0, 0});  // neither an absent counter nor a smaller gauge is one
  segment.tick(5, 6, "/a", {9, 1, 1});  // the path again, another cgroup
  const std::string bytes = segment.bytes();
  const auto read = RingSegment::read(bytes);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->streams(), 3U);
  EXPECT_EQ(read->stream(0).run, 0U);
  EXPECT_EQ(read->samples(0), 1U);
  EXPECT_EQ(read->stream(1).run, 1U);
  EXPECT_EQ(read->samples(1), 3U);
  EXPECT_EQ(read->stream(2).id, CgroupId{6});
  Block block;
  ASSERT_TRUE(read->decode(1, identical(), 3, block));
  EXPECT_EQ(row_at(block, 0), (Row{3, 1, 1}));
  EXPECT_EQ(row_at(block, 1), (Row{std::nullopt, 1, 1}));
  EXPECT_EQ(row_at(block, 2), (Row{4, 0, 0}));
}

// As an agent that was killed in the middle of a frame leaves it.
TEST(RingTest, CutAnywhereItHasTheWholeFramesAndNoOther) {
  std::mt19937_64 random(4);
  SegmentBytes segment(1, kFields);
  std::vector<std::uint64_t> written;
  for (std::uint64_t tick = 0; tick < 20; ++tick) {
    segment.begin_tick(tick);
    for (std::uint64_t id = 1; id <= 5; ++id) {
      segment.add(id, "/" + std::to_string(id), {tick * 100 + id, random(), std::nullopt});
    }
    segment.end_tick();
  }
  const std::string bytes = segment.bytes();
  for (std::size_t cut = 0; cut < segment.ends().back(); ++cut) {
    std::string torn = bytes;
    std::fill(torn.begin() + static_cast<std::ptrdiff_t>(cut), torn.end(), '\0');
    const auto read = RingSegment::read(torn);
    if (!read) {
      EXPECT_LT(cut, segment.ends().front());
      continue;
    }
    const auto whole = static_cast<std::size_t>(
        std::ranges::count_if(segment.ends(), [&](std::size_t end) { return end <= cut; }));
    // Zero bytes at the end of a frame are zero bytes.
    ASSERT_GE(read->ticks().size(), whole);
    ASSERT_LE(read->ticks().size(), whole + 1);
    for (std::size_t i = 0; i < read->streams(); ++i) {
      Block block;
      ASSERT_TRUE(read->decode(i, identical(), 3, block));
      for (std::size_t s = 0; s < block.samples(); ++s) {
        ASSERT_EQ(block.values[block.at(0, s)], block.ticks[s] * 100 + read->stream(i).id.value);
      }
    }
  }
}

TEST(RingTest, AFlippedBitEndsItBeforeThatFrame) {
  SegmentBytes segment(1, kFields);
  for (std::uint64_t tick = 0; tick < 10; ++tick) segment.tick(tick, 1, "/a", {tick, 7, 7});
  const std::string bytes = segment.bytes();
  for (std::size_t at = 0; at < segment.ends().back(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ 0x10U);
    const auto read = RingSegment::read(damaged);
    if (!read) continue;
    for (std::size_t i = 0; i < read->streams(); ++i) {
      Block block;
      ASSERT_TRUE(read->decode(i, identical(), 3, block));
      for (std::size_t s = 0; s < block.samples(); ++s) {
        ASSERT_EQ(block.values[block.at(0, s)], block.ticks[s]) << "byte " << at;
      }
    }
  }
}

// Of one segment: bytes as the agent maps them.
std::string segment_of(const std::vector<std::string>& frames,
                       std::span<const cgroup::Field> fields) {
  std::string bytes = ring_header(2, "b", fields);
  bytes.resize(aligned(bytes.size()));
  for (const std::string& frame : frames) {
    const auto size = static_cast<std::uint32_t>(frame.size());
    const std::uint32_t sum = crc32_of(frame);
    bytes.append(reinterpret_cast<const char*>(&size), 4);
    bytes.append(reinterpret_cast<const char*>(&sum), 4);
    bytes += frame;
    bytes.resize(aligned(bytes.size()));
  }
  return bytes;
}

TEST(RingTest, ANewSegmentNeedsNoOther) {
  FrameEncoder frames(kFields);
  const std::vector<std::uint64_t> values{100, 200, 300};
  const std::vector<std::uint8_t> present{1, 1, 1};
  frames.begin_tick(1);
  frames.add(CgroupId{1}, "/a", nullptr, values, present);
  (void)frames.end_tick();
  frames.begin_segment();
  frames.begin_tick(2);
  frames.add(CgroupId{1}, "/a", nullptr, values, present);
  const std::string frame(frames.end_tick());
  const std::string bytes = segment_of({frame}, kFields);
  const auto read = RingSegment::read(bytes);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->streams(), 1U);
  Block block;
  ASSERT_TRUE(read->decode(0, identical(), 3, block));
  EXPECT_EQ(row_at(block, 0), (Row{100, 200, 300}));
}

// Values that come, go and fall, in segments of which each is read alone.
TEST(RingTest, EveryRowComesBackFromEverySegment) {
  constexpr std::size_t kCount = 19;
  constexpr std::uint64_t kTicks = 12;
  std::vector<cgroup::Field> fields;
  ColumnMap columns(kCount);
  std::iota(columns.begin(), columns.end(), 0U);
  for (std::size_t f = 0; f < kCount; ++f) {
    fields.push_back({"f" + std::to_string(f),
                      f % 3 == 0 ? cgroup::FieldKind::counter : cgroup::FieldKind::gauge});
  }
  std::mt19937_64 random(7);
  FrameEncoder encoder(fields);
  std::map<std::uint64_t, std::pair<std::vector<std::uint64_t>, std::vector<std::uint8_t>>> now;
  for (std::uint64_t id = 1; id <= 3; ++id) {
    now[id] = {std::vector<std::uint64_t>(kCount), std::vector<std::uint8_t>(kCount, 1)};
  }
  for (int segment = 0; segment < 200; ++segment) {
    encoder.begin_segment();
    std::vector<std::string> frames;
    std::map<std::pair<std::uint64_t, std::uint64_t>, Row> wanted;  // by cgroup and tick
    for (std::uint64_t tick = 0; tick < kTicks; ++tick) {
      encoder.begin_tick(tick);
      for (auto& [id, row] : now) {
        auto& [values, present] = row;
        auto& shown = wanted[{id, tick}];
        for (std::size_t f = 0; f < kCount; ++f) {
          if (random() % 3 == 0) values[f] += random() >> (random() % 64);
          if (random() % 200 == 0) values[f] = 0;
          if (random() % 10 == 0) present[f] = present[f] == 0 ? 1 : 0;
          shown.push_back(present[f] != 0 ? SegmentBytes::Value(values[f]) : std::nullopt);
        }
        encoder.add(CgroupId{id}, "/a", nullptr, values, present);
      }
      frames.emplace_back(encoder.end_tick());
    }
    const std::string bytes = segment_of(frames, fields);
    const auto read = RingSegment::read(bytes);
    ASSERT_TRUE(read);
    std::map<std::pair<std::uint64_t, std::uint64_t>, Row> found;
    for (std::size_t i = 0; i < read->streams(); ++i) {
      Block block;
      ASSERT_TRUE(read->decode(i, columns, kCount, block));
      for (std::size_t s = 0; s < block.samples(); ++s) {
        found[{read->stream(i).id.value, block.ticks[s]}] = row_at(block, s);
        for (std::size_t f = 0; f < kCount; ++f) {
          const std::size_t at = block.at(f, s);
          ASSERT_TRUE(block.present[at] != 0 || block.values[at] == 0);
        }
      }
    }
    ASSERT_EQ(found, wanted) << "segment " << segment;
  }
}

TEST(RingTest, WhatIsNoSegmentIsRefused) {
  EXPECT_FALSE(RingSegment::read(""));
  EXPECT_FALSE(RingSegment::read("cgwring1"));
  EXPECT_FALSE(RingSegment::read(std::string(4096, '\0')));
  EXPECT_FALSE(RingSegment::read("cgwring2" + ring_header(1, "b", kFields).substr(8)));
}

}  // namespace
}  // namespace cgwarden::diagnosis::recording
