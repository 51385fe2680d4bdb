#include "cli/log_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::cli {
namespace {

// The shim rotates at kOutputLogBytes, but only after the write that goes beyond it.
constexpr std::size_t kMostBytes = 2 * limits::kOutputLogBytes;

}  // namespace

std::string_view last_lines(std::string_view text, std::size_t lines) {
  if (lines == 0) return {};
  std::size_t at = text.size();
  if (text.ends_with('\n')) --at;
  for (std::size_t ends = 0; at > 0; --at) {
    if (text[at - 1] == '\n' && ++ends == lines) break;
  }
  return text.substr(at);
}

std::string terminal_text(std::string_view text) {
  std::string out;
  bool first_line = true;
  for (const auto line : split(text, '\n')) {
    if (!std::exchange(first_line, false)) out += '\n';
    bool first_cell = true;
    for (const auto cell : split(line, '\t')) {
      if (!std::exchange(first_cell, false)) out += '\t';
      out += printable(cell);
    }
  }
  return out;
}

LogStream::LogStream(std::string path, std::FILE* out)
    : path_(std::move(path)), out_(out), terminal_(::isatty(::fileno(out)) == 1) {}

void LogStream::put(std::string_view text) {
  if (terminal_) {
    const std::string safe = terminal_text(text);
    std::fwrite(safe.data(), 1, safe.size(), out_);
  } else {
    std::fwrite(text.data(), 1, text.size(), out_);
  }
  std::fflush(out_);
}

Status LogStream::reopen() {
  file_.reset();
  auto opened = open_at(AT_FDCWD, path_, O_RDONLY);
  if (!opened) {
    return opened.error().kind == ErrorKind::vanished ? Status{} : fail(opened.error());
  }
  struct stat status{};
  if (::fstat(opened->get(), &status) != 0) return fail(Error::from_errno(errno, "look at", path_));
  file_ = std::move(*opened);
  inode_ = status.st_ino;
  return {};
}

Status LogStream::print_kept(std::optional<std::size_t> lines) {
  std::string text;
  if (auto older = read_file(path_ + ".1", kMostBytes)) {
    text = std::move(*older);
  } else if (older.error().kind != ErrorKind::vanished) {
    return fail(older.error());
  }
  CGW_TRY(reopen());
  if (file_.valid()) {
    CGW_ASSIGN(const std::string newer, read_all(file_.get(), path_, kMostBytes));
    text += newer;
  }
  put(lines ? last_lines(text, *lines) : std::string_view(text));
  return {};
}

Status LogStream::print_rest() {
  if (!file_.valid()) return {};
  CGW_ASSIGN(const std::string text, read_all(file_.get(), path_, kMostBytes));
  if (!text.empty()) put(text);
  return {};
}

Status LogStream::print_new() {
  CGW_TRY(print_rest());
  struct stat status{};
  if (::stat(path_.c_str(), &status) != 0) return {};  // between the two steps of a rotation
  if (file_.valid() && status.st_ino == inode_) return {};
  CGW_TRY(print_rest());  // what came before it was put aside
  CGW_TRY(reopen());
  return print_rest();
}

}  // namespace cgwarden::cli
