#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cgwarden::exporters {

// One gzip member (RFC 1952) of level 1, made piece by piece: the page shrinks to an eighth, and
// higher levels cost three times the CPU for little more. About 256 KiB of memory.
class GzipStream {
 public:
  // io: out of memory.
  [[nodiscard]] static Result<GzipStream> create();
  // Compresses `piece` and appends what has come out of it to `out`, which may be nothing. After
  // the piece that is `last`, the member is complete.
  [[nodiscard]] Status add(std::string_view piece, bool last, std::string& out);

 private:
  struct State;
  struct Release {
    void operator()(State* state) const;
  };
  explicit GzipStream(std::unique_ptr<State, Release> state) : state_(std::move(state)) {}
  std::unique_ptr<State, Release> state_;
};

}  // namespace cgwarden::exporters
