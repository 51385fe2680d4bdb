#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "launcher/journal.h"

namespace cgwarden::launcher {

// Where output goes.
struct LogSettings {
  bool journal = false;                             // to the systemd journal, not to files
  std::size_t max_bytes = limits::kOutputLogBytes;  // of one file
  unsigned max_files = 2;                           // of one stream, the newest included
};

// One output stream of a workload: what comes out of a pipe is appended to a file. At max_bytes the
// file becomes <path>.1, that <path>.2 and so on, and a new one begins. When the disk is full the
// bytes are dropped and counted: the workload is never held up by its log.
//
// Beside each file is <file>.times: 16 bytes for every second in which something came, the wall
// clock in microseconds and the offset of the first byte, native 64-bit integers.
//
// The pipe's read end is non-blocking; call pump() when poll(2) says it is readable.
class OutputLog {
 public:
  // Opens <path> for appending and makes the pipe. `tail_bytes` of the newest output are kept.
  // `journal_fields`: "KEY=VALUE\n" lines of every entry, with settings.journal.
  [[nodiscard]] static Result<OutputLog> open(std::string path, std::size_t tail_bytes,
                                              const LogSettings& settings = {},
                                              const std::string& journal_fields = {});

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
  // All that ever came, dropped or not.
  [[nodiscard]] std::uint64_t total_bytes() const { return total_; }
  [[nodiscard]] std::size_t dropped_bytes() const {
    return dropped_ + (journal_ ? journal_->dropped_bytes() : 0);
  }

 private:
  OutputLog() = default;
  void append(std::string_view bytes);
  [[nodiscard]] bool give_copy();
  [[nodiscard]] Status open_files(const std::string& path, int extra_flags);
  void write_file(std::string_view bytes);
  void note_time();
  void rotate();

  std::string path_;
  LogSettings settings_;
  std::optional<Journal> journal_;
  UniqueFd file_;
  UniqueFd times_;
  std::uint64_t noted_second_ = 0;
  UniqueFd read_end_;
  UniqueFd write_end_;
  UniqueFd copy_;
  std::string waiting_;  // at most one read of the pipe
  std::size_t size_ = 0;
  std::size_t tail_bytes_ = 0;
  std::string tail_;
  std::uint64_t total_ = 0;
  std::size_t dropped_ = 0;
};

}  // namespace cgwarden::launcher
