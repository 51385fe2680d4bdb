#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "base/units.h"

namespace cgwarden::cli {

// One output log of a workload (launcher/output_log.h: <path> and the older <path>.1 and so on).
// What a workload wrote is printed as it is, but on a terminal its control bytes are shown, not
// obeyed.
class LogStream {
 public:
  // `out` is borrowed.
  LogStream(std::string path, std::FILE* out);

  // What is kept: what has come since then (to the second; what nobody noted the time of counts),
  // and of that the last `lines` lines. A log that is not there is empty.
  struct Choice {
    std::optional<std::size_t> lines = {};
    std::optional<Usec> since_wall = {};
  };
  [[nodiscard]] Status print_kept(const Choice& choice);
  // What has come since the last call, over a rotation too.
  [[nodiscard]] Status print_new();

 private:
  [[nodiscard]] Result<std::string> read_older(unsigned number, const Choice& choice) const;
  [[nodiscard]] Status print_rest();
  [[nodiscard]] Status reopen();
  void put(std::string_view text);

  std::string path_;
  std::FILE* out_;
  bool terminal_;
  UniqueFd file_;  // the newer log, read up to its end
  ino_t inode_ = 0;
};

// The last `lines` lines of a text.
[[nodiscard]] std::string_view last_lines(std::string_view text, std::size_t lines);

// Where to begin in a log for what has come since then, by the text of its <file>.times; npos: it
// is all older. Half a record at the end is not one.
[[nodiscard]] std::size_t offset_since(std::string_view times, Usec since_wall);

// Lines and tabs stay, all other control bytes are shown as \xNN.
[[nodiscard]] std::string terminal_text(std::string_view text);

}  // namespace cgwarden::cli
