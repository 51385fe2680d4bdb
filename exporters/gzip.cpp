#include "exporters/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>

namespace cgwarden::exporters {
namespace {

auto out_of_memory() { return fail(Error::from_errno(ENOMEM, "compress", "the page")); }

struct DeflateEnd {
  void operator()(z_stream* stream) const { ::deflateEnd(stream); }
};

// Feeds `piece` in parts zlib can count (its sizes are 32-bit). False when memory ran out.
bool deflate_piece(z_stream& stream, std::string_view piece, std::string& out, int last) {
  constexpr std::size_t kPart = std::size_t{1} << 30;
  constexpr std::size_t kGrow = 256 * 1024;
  do {
    const std::size_t part = std::min(piece.size(), kPart);
    // zlib does not write to its input; its interface predates const.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream.avail_in = static_cast<uInt>(part);
    piece.remove_prefix(part);
    const int flush = piece.empty() ? last : Z_NO_FLUSH;
    do {
      const std::size_t used = stream.total_out;
      if (out.size() - used < kGrow) out.resize(std::max(out.size() * 3 / 2, used + kGrow));
      stream.next_out = reinterpret_cast<Bytef*>(out.data() + used);
      const std::size_t room =
          std::min<std::size_t>(out.size() - used, std::numeric_limits<uInt>::max());
      stream.avail_out = static_cast<uInt>(room);
      if (::deflate(&stream, flush) == Z_STREAM_ERROR) return false;
    } while (stream.avail_out == 0);
  } while (!piece.empty());
  return true;
}

}  // namespace

Result<std::string> gzip(std::initializer_list<std::string_view> pieces) {
  constexpr int kLevel = 1;
  constexpr int kGzipFormat = 15 + 16;  // window bits, plus 16 for gzip instead of zlib
  constexpr int kMemory = 8;
  z_stream state{};
  if (::deflateInit2(&state, kLevel, Z_DEFLATED, kGzipFormat, kMemory, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return out_of_memory();
  }
  const std::unique_ptr<z_stream, DeflateEnd> stream(&state);
  std::string out;
  for (const std::string_view piece : pieces) {
    if (!deflate_piece(state, piece, out, Z_NO_FLUSH)) return out_of_memory();
  }
  if (!deflate_piece(state, {}, out, Z_FINISH)) return out_of_memory();
  out.resize(state.total_out);
  return out;
}

}  // namespace cgwarden::exporters
