#include "exporters/gzip.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <array>
#include <string>
#include <vector>

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

std::string gzip(const std::vector<std::string_view>& pieces) {
  auto stream = GzipStream::create();
  EXPECT_TRUE(stream);
  std::string out;
  for (const auto piece : pieces) EXPECT_TRUE(stream->add(piece, false, out));
  EXPECT_TRUE(stream->add({}, true, out));
  return out;
}

TEST(Gzip, PiecesAreJoinedInOneMember) {
  EXPECT_EQ(gunzip(gzip({"first\n", "", "second\n"})), "first\nsecond\n");
}

TEST(Gzip, NothingIsAnEmptyMember) {
  const std::string compressed = gzip({});
  EXPECT_GT(compressed.size(), 10U);  // header and trailer
  EXPECT_EQ(gunzip(compressed), "");
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
  EXPECT_TRUE(gunzip(gzip({page, page})) == page + page);
}

}  // namespace
}  // namespace cgwarden::exporters
