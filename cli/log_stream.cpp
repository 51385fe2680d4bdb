#include "cli/log_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "policy/workload.h"

namespace cgwarden::cli {
namespace {

// The shim rotates at a workload's own size, but only after the write that goes beyond it.
constexpr std::size_t kMostBytes = 2 * policy::kLogMostBytes;

std::size_t count_lines(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

// What has come since then, of the text of `path`.
std::string_view newer_part(std::string_view text, const std::string& path,
                            const LogStream::Choice& choice) {
  if (!choice.since_wall) return text;
  const auto times = read_file(path + ".times", kMostBytes);
  if (!times) return text;
  const std::size_t at = offset_since(*times, *choice.since_wall);
  return at >= text.size() ? std::string_view{} : text.substr(at);
}

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

std::size_t offset_since(std::string_view times, Usec since_wall) {
  std::array<std::uint64_t, 2> record{};
  for (; times.size() >= sizeof(record); times.remove_prefix(sizeof(record))) {
    std::memcpy(record.data(), times.data(), sizeof(record));
    // Its second may have begun before.
    if (record[0] / 1000000U >= since_wall.count() / 1000000U) return record[1];
  }
  return std::string_view::npos;
}

Result<std::string> LogStream::read_older(unsigned number, const Choice& choice) const {
  const std::string path = path_ + "." + std::to_string(number);
  CGW_ASSIGN(const std::string text, read_file(path, kMostBytes));
  return std::string(newer_part(text, path, choice));
}

Status LogStream::print_kept(const Choice& choice) {
  CGW_TRY(reopen());
  std::string newest;
  if (file_.valid()) {
    CGW_ASSIGN(const std::string text, read_all(file_.get(), path_, kMostBytes));
    newest = newer_part(text, path_, choice);
  }
  // From the newest to as far back as is asked for.
  std::vector<std::string> texts{std::move(newest)};
  std::size_t lines = count_lines(texts.back());
  for (unsigned number = 1; !choice.lines || lines <= *choice.lines; ++number) {
    auto older = read_older(number, choice);
    if (!older && older.error().kind == ErrorKind::vanished) break;
    if (!older) return fail(older.error());
    lines += count_lines(*older);
    texts.push_back(std::move(*older));
  }
  std::string text;
  for (auto older = texts.rbegin(); older != texts.rend(); ++older) text += *older;
  put(choice.lines ? last_lines(text, *choice.lines) : std::string_view(text));
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
