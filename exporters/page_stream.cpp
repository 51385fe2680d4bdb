#include "exporters/page_stream.h"

#include <algorithm>
#include <chrono>

#include "base/limits.h"

namespace cgwarden::exporters {
namespace {

constexpr std::string_view kEof = "# EOF\n";

}  // namespace

Result<std::unique_ptr<PageStream>> PageStream::open(Parts parts) {
  if (parts.exposition == Exposition::openmetrics_1_0_0) parts.own += kEof;
  std::unique_ptr<PageStream> stream(new PageStream(std::move(parts)));
  if (const Parts& of = stream->parts_; of.view) {
    stream->writer_.emplace(*of.view, of.kind, of.exposition, of.had);
  }
  if (stream->parts_.compress) {
    CGW_ASSIGN(stream->gzip_, GzipStream::create());
  }
  return stream;
}

// One piece more; only when pending_ is used up and the page is not complete.
Status PageStream::refill() {
  pending_.clear();
  given_ = 0;
  std::string& text = gzip_ ? text_ : pending_;
  text.clear();
  if (!writer_ || !writer_->append(text, limits::kHttpPieceBytes)) {
    text += parts_.own;
    complete_ = true;
  }
  if (gzip_) CGW_TRY(gzip_->add(text_, complete_, pending_));
  return {};
}

Result<std::size_t> PageStream::read(std::span<char> room) {
  const auto begin = std::chrono::steady_clock::now();
  while (given_ == pending_.size() && !complete_) CGW_TRY(refill());
  const std::size_t size = std::min(room.size(), pending_.size() - given_);
  std::copy_n(pending_.data() + given_, size, room.data());
  given_ += size;
  bytes_ += size;
  spent_ = spent_ + std::chrono::duration_cast<Usec>(std::chrono::steady_clock::now() - begin);
  return size;
}

}  // namespace cgwarden::exporters
