#pragma once

#include <poll.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cgwarden::launcher {

// One output stream of a workload: what comes out of a pipe is appended to a file. At
// limits::kOutputLogBytes the file becomes <path>.1 and a new one begins. When the disk is full the
// bytes are dropped and counted: the workload is never held up by its log.
//
// The pipe's read end is non-blocking; call pump() when poll(2) says it is readable.
class OutputLog {
 public:
  // Opens <path> for appending and makes the pipe. `tail_bytes` of the newest output are kept.
  [[nodiscard]] static Result<OutputLog> open(std::string path, std::size_t tail_bytes);

  [[nodiscard]] int write_end() const { return write_end_.get(); }
  void close_write_end() { write_end_.reset(); }
  // Invalid (-1) once every writer has closed the pipe.
  [[nodiscard]] int read_end() const { return read_end_.get(); }

  // A copy of all output goes to `fd` too, which is whoever's who runs the workload in the
  // foreground: a reader that is slow holds the workload up, one that is gone is forgotten.
  void copy_to(UniqueFd fd) { copy_ = std::move(fd); }
  // What to wait for before the next pump().
  [[nodiscard]] pollfd wait() const;
  // Output that the reader of the copy has not taken yet.
  [[nodiscard]] bool copy_waits() const { return !waiting_.empty(); }

  // Moves what the pipe holds now, at most 1 MiB at a time so that one stream cannot starve the
  // rest of the loop.
  void pump();
  [[nodiscard]] std::string_view tail() const { return tail_; }
  [[nodiscard]] std::size_t dropped_bytes() const { return dropped_; }

 private:
  OutputLog() = default;
  void append(std::string_view bytes);
  [[nodiscard]] bool give_copy();
  void rotate();

  std::string path_;
  UniqueFd file_;
  UniqueFd read_end_;
  UniqueFd write_end_;
  UniqueFd copy_;
  std::string waiting_;  // at most one read of the pipe
  std::size_t size_ = 0;
  std::size_t tail_bytes_ = 0;
  std::string tail_;
  std::size_t dropped_ = 0;
};

}  // namespace cgwarden::launcher
