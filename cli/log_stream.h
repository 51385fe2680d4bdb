#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cgwarden::cli {

// One output log of a workload (launcher/output_log.h: <path> and the older <path>.1). What a
// workload wrote is printed as it is, but on a terminal its control bytes are shown, not obeyed.
class LogStream {
 public:
  // `out` is borrowed.
  LogStream(std::string path, std::FILE* out);

  // Both files, or their last `lines` lines. A log that is not there is empty.
  [[nodiscard]] Status print_kept(std::optional<std::size_t> lines);
  // What has come since the last call, over a rotation too.
  [[nodiscard]] Status print_new();

 private:
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

// Lines and tabs stay, all other control bytes are shown as \xNN.
[[nodiscard]] std::string terminal_text(std::string_view text);

}  // namespace cgwarden::cli
