#include "launcher/home.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::launcher {

std::string home_in(const std::string& passwd, uid_t uid) {
  for (const std::string_view line : split(passwd, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 6) continue;
    const auto number = parse_integer<uid_t>(fields[2]);
    if (number && *number == uid) return std::string(fields[5]);
  }
  return {};
}

std::vector<std::string> without_overridden(std::vector<std::string> env) {
  std::vector<std::string> kept;
  kept.reserve(env.size());
  std::unordered_map<std::string, std::size_t> places;
  for (auto& entry : env) {
    const auto [place, fresh] = places.try_emplace(entry.substr(0, entry.find('=')), kept.size());
    if (fresh) {
      kept.push_back(std::move(entry));
    } else {
      kept[place->second] = std::move(entry);
    }
  }
  return kept;
}

namespace {

// "" for what is no file: opening a FIFO of an image would wait for ever.
std::string passwd_of_rootfs() {
  const auto fd = open_at(AT_FDCWD, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat status{};
  if (!fd || ::fstat(fd->get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return read_all(fd->get(), "/etc/passwd", limits::kPasswdFileBytes).value_or("");
}

}  // namespace

std::vector<std::string> complete_environment(std::vector<std::string> env, uid_t uid) {
  env = without_overridden(std::move(env));
  const auto given = std::ranges::find_if(
      env, [](const std::string& entry) { return entry.starts_with("HOME="); });
  if (given != env.end() && given->size() > std::string_view("HOME=").size()) return env;
  if (given != env.end()) env.erase(given);
  // A rootfs without the file, or with one that is not to be believed, has "/" for everybody.
  const std::string home = home_in(passwd_of_rootfs(), uid);
  env.push_back("HOME=" + (home.starts_with('/') ? home : "/"));
  return env;
}

}  // namespace cgwarden::launcher
