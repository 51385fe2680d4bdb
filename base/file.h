#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cgwarden {

// openat(2) with O_CLOEXEC added. `dir` may be AT_FDCWD.
[[nodiscard]] Result<UniqueFd> open_at(int dir, const std::string& path, int flags,
                                       mode_t mode = 0);

// The whole text of a file up to max_bytes; a longer file is an error (invalid), never a cut text.
[[nodiscard]] Result<std::string> read_file_at(int dir, const std::string& path,
                                               std::size_t max_bytes);
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t max_bytes);

// Reads to end of file from the current offset; same limit rule. `where` names the file in errors.
[[nodiscard]] Result<std::string> read_all(int fd, const std::string& where, std::size_t max_bytes);

// write(2) until all bytes are out.
[[nodiscard]] Status write_all(int fd, std::string_view bytes, const std::string& where);

// Replaces `path` so that a reader, or a crash at any point, sees the old text or the new one:
// temporary file in the same directory, fsync, rename(2).
[[nodiscard]] Status write_file_atomically(const std::string& path, std::string_view text,
                                           mode_t mode = 0644);

// An anonymous file (memfd_create(2)) with this text, at its beginning.
[[nodiscard]] Result<UniqueFd> memory_file(std::string_view text);

// mkdir -p; an existing directory is success.
[[nodiscard]] Status make_directories(const std::string& path, mode_t mode = 0755);

}  // namespace cgwarden
