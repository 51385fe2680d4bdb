#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <random>

#include "base/limits.h"
#include "diagnosis/recording/chunk.h"

namespace cgwarden::diagnosis::recording {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

// What a column of a real or of a hostile cgroup may look like.
void fill_column(std::mt19937_64& random, std::span<std::uint64_t> values,
                 std::span<std::uint8_t> present) {
  const auto kind = random() % 8;
  std::uint64_t value = random() >> (random() % 64);
  for (std::size_t i = 0; i < values.size(); ++i) {
    switch (kind) {
      case 0:
        break;  // stands still
      case 1:
        value += random() % 100'000;
        break;  // a counter
      case 2:
        value = random();
        break;  // anything
      case 3:
        value += 4096 * (random() % 100) - 4096 * 50;
        break;  // bytes in pages
      case 4:
        value = random() % 2 == 0 ? 0 : kMost;
        break;  // the ends
      case 5:
        value = i == values.size() / 2 ? 0 : value + 1;
        break;  // begins anew
      case 6:
        value ^= std::uint64_t{1} << 63;
        break;  // only the highest bit
      default:
        value += 100;
        break;  // regular
    }
    const bool there = kind == 1 ? true : kind == 7 ? random() % 5 != 0 : i % 7 != 3 || kind != 5;
    present[i] = there ? 1 : 0;
    values[i] = there ? value : 0;
  }
}

Block random_block(std::mt19937_64& random, std::size_t fields, std::size_t samples) {
  Block block;
  block.reset(fields, samples);
  std::uint32_t tick = static_cast<std::uint32_t>(random() % 8);
  for (auto& at : block.ticks) {
    at = tick;
    tick += random() % 10 == 0 ? 3 : 1;
  }
  for (std::size_t f = 0; f < fields; ++f) {
    if (random() % 6 == 0) continue;  // nobody has it
    fill_column(random, std::span(block.values).subspan(block.at(f, 0), samples),
                std::span(block.present).subspan(block.at(f, 0), samples));
  }
  return block;
}

std::vector<std::uint32_t> numbers_of(std::size_t fields) {
  std::vector<std::uint32_t> numbers(fields);
  std::iota(numbers.begin(), numbers.end(), 1U);
  return numbers;
}

ColumnMap columns_of(std::size_t fields) {
  ColumnMap columns(fields + 1, kNoColumn);
  std::iota(columns.begin() + 1, columns.end(), 0U);
  return columns;
}

TEST(ChunkTest, WhatIsDecodedIsWhatWasEncoded) {
  std::mt19937_64 random(20261126);
  ChunkEncoder encoder;
  ChunkDecoder decoder;
  for (int round = 0; round < 400; ++round) {
    const std::size_t fields = 1 + random() % 100;
    const std::size_t samples = round % 10 == 0 ? 1 : 1 + random() % 120;
    const Block block = random_block(random, fields, samples);
    const auto chunk = encoder.encode(block, numbers_of(fields));
    ASSERT_TRUE(chunk) << chunk.error().sentence();
    Block again;
    const Status decoded = decoder.decode(*chunk, columns_of(fields), fields, again);
    ASSERT_TRUE(decoded) << decoded.error().sentence();
    ASSERT_EQ(again, block) << "round " << round;
  }
}

TEST(ChunkTest, OnlyWantedFieldsAreDecodedAndTheOthersDoNotShiftThem) {
  std::mt19937_64 random(1);
  ChunkEncoder encoder;
  ChunkDecoder decoder;
  const std::size_t fields = 40;
  const Block block = random_block(random, fields, 60);
  const auto chunk = encoder.encode(block, numbers_of(fields));
  ASSERT_TRUE(chunk);
  for (std::uint32_t wanted = 0; wanted < fields; ++wanted) {
    ColumnMap columns(fields + 1, kNoColumn);
    columns[wanted + 1] = 0;
    Block one;
    ASSERT_TRUE(decoder.decode(*chunk, columns, 1, one));
    for (std::size_t i = 0; i < 60; ++i) {
      ASSERT_EQ(one.values[i], block.values[block.at(wanted, i)]);
      ASSERT_EQ(one.present[i], block.present[block.at(wanted, i)]);
    }
  }
}

TEST(ChunkTest, ADamagedChunkIsAnErrorAndNeverAnotherValue) {
  std::mt19937_64 random(7);
  ChunkEncoder encoder;
  ChunkDecoder decoder;
  const Block block = random_block(random, 20, 60);
  const std::string chunk(encoder.encode(block, numbers_of(20)).value());
  std::size_t refused = 0;
  for (std::size_t at = 0; at < chunk.size(); ++at) {
    for (const unsigned bit : {0U, 3U, 7U}) {
      std::string damaged = chunk;
      damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ (1U << bit));
      Block again;
      if (const Status decoded = decoder.decode(damaged, columns_of(20), 20, again); !decoded) {
        ASSERT_EQ(decoded.error().kind, ErrorKind::malformed);
        ++refused;
      } else {
        ASSERT_EQ(again, block) << "byte " << at;
      }
    }
    Block again;
    ASSERT_FALSE(decoder.decode(std::string_view(chunk).substr(0, at), columns_of(20), 20, again));
  }
  EXPECT_GT(refused, 2 * chunk.size());
}

TEST(ChunkTest, TicksComeBackWhateverTheClockDid) {
  const std::vector<std::uint64_t> ticks{1'795'000'000'000, 1'795'000'001'003, 1'795'000'001'002, 5,
                                         kMost};
  const auto again = decode_ticks(encode_ticks(ticks));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, ticks);
  const std::string bytes = encode_ticks(ticks);
  EXPECT_FALSE(decode_ticks(std::string_view(bytes).substr(0, bytes.size() - 1)));
  EXPECT_FALSE(decode_ticks(bytes + "x"));
  EXPECT_FALSE(decode_ticks(encode_ticks(std::vector<std::uint64_t>(limits::kTicksPerCut + 1))));
}

}  // namespace
}  // namespace cgwarden::diagnosis::recording
