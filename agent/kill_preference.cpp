// How the owner of a cgroup has marked it for kills.
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <optional>
#include <string_view>

#include "agent/kill_candidates.h"

namespace cgwarden::agent {
namespace {

using policy::adapt::KillPreference;

struct Mark {
  const char* name;
  KillPreference preference;
};
// The most careful first; prefer comes last, as avoid stands against it.
constexpr std::array kUserMarks{Mark{"user.oomd_omit", KillPreference::omit},
                                Mark{"user.oomd_avoid", KillPreference::avoid},
                                Mark{"user.oomd_prefer", KillPreference::prefer}};
constexpr std::array kTrustedMarks{Mark{"trusted.oomd_omit", KillPreference::omit},
                                   Mark{"trusted.oomd_avoid", KillPreference::avoid},
                                   Mark{"trusted.oomd_prefer", KillPreference::prefer}};

// "1"; systemd takes away what it does not want any more.
bool is_set(const std::string& file, const char* name) {
  std::array<char, 8> value{};
  return ::getxattr(file.c_str(), name, value.data(), value.size()) >= 1 && value[0] == '1';
}

template <typename Marks>
KillPreference first_of(const std::string& file, const Marks& marks) {
  for (const Mark& mark : marks) {
    if (is_set(file, mark.name)) return mark.preference;
  }
  return KillPreference::none;
}

std::optional<uid_t> uid_of(const cgroup::Tree& tree, std::string_view path) {
  const auto directory = tree.open_cgroup(path);
  struct stat info{};
  if (!directory || ::fstat(directory->get(), &info) != 0) return std::nullopt;
  return info.st_uid;
}

KillPreference preference_at(const cgroup::Tree& tree, std::string_view path,
                             std::optional<uid_t> watcher) {
  const auto directory = tree.open_cgroup(path);
  if (!directory) return KillPreference::none;
  // A path of its own for getxattr(2), which takes no O_PATH fd.
  const std::string file = "/proc/self/fd/" + std::to_string(directory->get());
  if (const auto trusted = first_of(file, kTrustedMarks); trusted != KillPreference::none) {
    return trusted;
  }
  const auto owner = uid_of(tree, path);
  if (!owner || (*owner != 0 && owner != watcher)) return KillPreference::none;
  return first_of(file, kUserMarks);
}

}  // namespace

KillPreference read_kill_preference(const cgroup::Tree& tree, const std::string& path,
                                    const std::string& watched) {
  const auto watcher = uid_of(tree, watched);
  for (std::string_view at = path; !at.empty(); at = cgroup::parent_path(at)) {
    if (at == watched && at != path) break;
    const auto found = preference_at(tree, at, watcher);
    if (found != KillPreference::none) return found;
    if (at == watched) break;
  }
  return KillPreference::none;
}

}  // namespace cgwarden::agent
