#include "exporters/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace cgwarden::exporters {

struct GzipStream::State {
  z_stream stream{};
};

void GzipStream::Release::operator()(State* state) const {
  ::deflateEnd(&state->stream);
  delete state;
}

Result<GzipStream> GzipStream::create() {
  constexpr int kLevel = 1;
  constexpr int kGzipFormat = 15 + 16;  // window bits, plus 16 for gzip instead of zlib
  constexpr int kMemory = 8;
  auto state = std::make_unique<State>();
  if (::deflateInit2(&state->stream, kLevel, Z_DEFLATED, kGzipFormat, kMemory,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
    return fail(Error::from_errno(ENOMEM, "compress", "the page"));
  }
  return GzipStream(std::unique_ptr<State, Release>(state.release()));
}

Status GzipStream::add(std::string_view piece, bool last, std::string& out) {
  constexpr std::size_t kPart = std::size_t{1} << 30U;  // zlib counts in 32 bits
  z_stream& stream = state_->stream;
  std::array<char, std::size_t{32} * 1024> buffer{};
  do {
    const std::size_t part = std::min(piece.size(), kPart);
    // zlib does not write to its input; its interface predates const.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream.avail_in = static_cast<uInt>(part);
    piece.remove_prefix(part);
    const int flush = last && piece.empty() ? Z_FINISH : Z_NO_FLUSH;
    do {
      stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream.avail_out = static_cast<uInt>(buffer.size());
      if (::deflate(&stream, flush) == Z_STREAM_ERROR) {
        return fail(Error::from_errno(EIO, "compress", "the page"));
      }
      out.append(buffer.data(), buffer.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  } while (!piece.empty());
  return {};
}

}  // namespace cgwarden::exporters
