#include "agent/running_agent.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

// fs/locks.c: "1: FLOCK  ADVISORY  WRITE 812 00:1a:1234 0 EOF"; who waits for it has "->" second.
std::optional<pid_t> holder_in(std::string_view locks, const std::string& inode) {
  for (const std::string_view line : split(locks, '\n')) {
    std::vector<std::string_view> words;
    for (const std::string_view word : split(line, ' ')) {
      if (!word.empty()) words.push_back(word);
    }
    if (words.size() < 6 || words[1] != "FLOCK" || words[3] != "WRITE" || words[5] != inode) {
      continue;
    }
    const auto pid = parse_integer<pid_t>(words[4]);
    if (pid && *pid > 0) return pid;
  }
  return std::nullopt;
}

}  // namespace

std::optional<pid_t> agent_pid(const std::string& runtime_dir) {
  struct stat lock{};
  if (::stat((runtime_dir + "/agent.lock").c_str(), &lock) != 0) return std::nullopt;
  const auto locks = read_file("/proc/locks", limits::kProcsFileBytes);
  if (!locks) return std::nullopt;
  return holder_in(
      *locks, fmt::format("{:02x}:{:02x}:{}", major(lock.st_dev), minor(lock.st_dev), lock.st_ino));
}

Result<bool> agent_is_running(const std::string& runtime_dir) {
  const auto lock = open_at(AT_FDCWD, runtime_dir + "/agent.lock", O_RDONLY);
  if (!lock && lock.error().kind == ErrorKind::vanished) return false;
  if (!lock) return fail(lock.error());
  if (::flock(lock->get(), LOCK_SH | LOCK_NB) == 0) return false;
  if (errno == EWOULDBLOCK) return true;
  return fail(Error::from_errno(errno, "look at", runtime_dir + "/agent.lock"));
}

}  // namespace cgwarden::agent
