#include "launcher/home.h"

#include <algorithm>

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

std::vector<std::string> with_home(std::vector<std::string> env, uid_t uid) {
  const bool given =
      std::ranges::any_of(env, [](const std::string& entry) { return entry.starts_with("HOME="); });
  if (given) return env;
  // A rootfs without the file, or with one that is not to be believed, has "/" for everybody.
  const auto passwd = read_file("/etc/passwd", limits::kPasswdFileBytes);
  const std::string home = passwd ? home_in(*passwd, uid) : std::string();
  env.push_back("HOME=" + (home.starts_with('/') ? home : "/"));
  return env;
}

}  // namespace cgwarden::launcher
