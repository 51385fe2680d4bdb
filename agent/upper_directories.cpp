#include "agent/upper_directories.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "agent/packaged_tool.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

// Files of strangers, with set-user-id bits and all.
constexpr mode_t kMode = 0700;

// Workload names begin with a letter or a digit.
constexpr const char* kDiscarded = "/.discarded";

void warn(const std::string& path, int errno_value) {
  log::warning("upper_left_behind",
               {{"error", Error::from_errno(errno_value, "remove", path).sentence()}});
}

bool exists(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

}  // namespace

std::string upper_directory(const std::string& state_dir, const std::string& name) {
  return state_dir + "/overlay/" + name;
}

UpperDirectories::UpperDirectories(EventLoop& loop, std::string state_dir)
    : loop_(loop),
      directory_(std::move(state_dir) + "/overlay"),
      discarded_(directory_ + kDiscarded) {}

Result<std::string> UpperDirectories::make(const std::string& name) {
  CGW_TRY(make_directories(directory_, kMode));
  std::string path = directory_ + "/" + name;
  CGW_TRY(make_directories(path, kMode));
  return path;
}

void UpperDirectories::discard(const std::string& name) {
  const std::string path = directory_ + "/" + name;
  if (!exists(path)) return;
  if (::mkdir(discarded_.c_str(), kMode) != 0 && errno != EEXIST) return warn(path, errno);
  std::string target;
  do {
    target = discarded_ + "/" + name + "." + std::to_string(++count_);
  } while (exists(target));
  if (::rename(path.c_str(), target.c_str()) != 0) return warn(path, errno);
  remove_discarded();
}

void UpperDirectories::discard_all_but(const std::set<std::string>& names) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with('.') && !names.contains(name)) discard(name);
  }
  if (exists(discarded_)) remove_discarded();
}

void UpperDirectories::remove_discarded() {
  if (remover_.running()) {
    again_ = true;
    return;
  }
  again_ = false;
  // What is discarded while it runs must not slip into a directory that it is about to remove.
  const std::string batch = directory_ + "/.removing";
  if (!exists(batch) && ::rename(discarded_.c_str(), batch.c_str()) != 0) {
    return warn(discarded_, errno);
  }
  again_ = exists(discarded_);
  const Status started = remover_.start(loop_, {"/bin/rm", "-rf", "--", batch}, -1,
                                        [this](int status) { removed(status); });
  if (!started) log::warning("upper_left_behind", {{"error", started.error().sentence()}});
}

void UpperDirectories::removed(int status) {
  if (status != 0) {
    // Not again at once: what cannot be removed now (immutable files, a broken disk) stays so.
    log::warning("upper_left_behind", {{"path", directory_ + "/.removing"},
                                       {"effect", "it takes up disk until it can be removed"}});
    return;
  }
  if (again_) remove_discarded();
}

Status remove_upper(const std::string& state_dir, const std::string& name) {
  const std::string path = upper_directory(state_dir, name);
  if (!exists(path)) return {};
  CGW_ASSIGN(const ToolResult done,
             run_tool({.package = "coreutils", .words = {"rm", "-rf", "--", path}}));
  if (done.status == 0) return {};
  return fail(Error{ErrorKind::io, 0, "remove", path, printable(trim(done.errors))});
}

}  // namespace cgwarden::agent
