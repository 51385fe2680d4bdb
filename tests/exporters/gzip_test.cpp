#include "exporters/gzip.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <array>

#include "gunzip.h"

namespace cgwarden::exporters {

std::string gunzip(std::string_view compressed) {
  z_stream stream{};
  if (::inflateInit2(&stream, 15 + 16) != Z_OK) return {};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string out;
  std::array<char, 65536> buffer{};
  int status = Z_OK;
  while (status == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    status = ::inflate(&stream, Z_NO_FLUSH);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
  }
  const bool whole = status == Z_STREAM_END && stream.avail_in == 0;
  ::inflateEnd(&stream);
  return whole ? out : std::string();
}

namespace {

TEST(Gzip, PiecesAreJoinedInOneMember) {
  const auto compressed = gzip({"first\n", "", "second\n"});
  ASSERT_TRUE(compressed);
  EXPECT_EQ(gunzip(*compressed), "first\nsecond\n");
}

TEST(Gzip, NothingIsAnEmptyMember) {
  const auto compressed = gzip({});
  ASSERT_TRUE(compressed);
  EXPECT_GT(compressed->size(), 10U);  // header and trailer
  EXPECT_EQ(gunzip(*compressed), "");
}

// More than the steps in which the output grows, compressible and not.
TEST(Gzip, LargePagesComeBackWhole) {
  std::string page;
  std::uint32_t state = 1;
  while (page.size() < 3'000'000) {
    state = state * 1664525U + 1013904223U;
    page += static_cast<char>(state >> 24U);
    if (page.size() % 7 == 0) page += "cgwarden_cgroup_cpu_usage_seconds_total";
  }
  const auto compressed = gzip({page, page});
  ASSERT_TRUE(compressed);
  EXPECT_TRUE(gunzip(*compressed) == page + page);
}

}  // namespace
}  // namespace cgwarden::exporters
