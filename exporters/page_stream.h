#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "base/units.h"
#include "exporters/gzip.h"
#include "exporters/page_writer.h"
#include "exporters/published_view.h"

namespace cgwarden::exporters {

// The bytes of one answer: the series of a View, then the agent's own metrics, then "# EOF" in
// OpenMetrics; compressed if asked. Holds one piece of the page at a time. For one thread at a
// time.
class PageStream {
 public:
  struct Parts {
    std::shared_ptr<const PublishedView> view;  // null: only `own`
    PageKind kind = PageKind::metrics;
    HadBefore had;
    std::string own;  // in `exposition`
    Exposition exposition = Exposition::text_0_0_4;
    bool compress = false;
  };
  // io: out of memory.
  [[nodiscard]] static Result<std::unique_ptr<PageStream>> open(Parts parts);

  // The next bytes, at most `room` of them; 0: the page is complete.
  [[nodiscard]] Result<std::size_t> read(std::span<char> room);
  // What read() has given.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // Time spent in read().
  [[nodiscard]] Usec spent() const { return spent_; }

 private:
  explicit PageStream(Parts parts) : parts_(std::move(parts)) {}
  Status refill();

  Parts parts_;
  std::optional<PageWriter> writer_;
  std::optional<GzipStream> gzip_;
  std::string text_;     // of gzip_, before it is compressed
  std::string pending_;  // to be read, from `given_` on
  std::size_t given_ = 0;
  bool complete_ = false;  // nothing comes after pending_
  std::size_t bytes_ = 0;
  Usec spent_{0};
};

}  // namespace cgwarden::exporters
