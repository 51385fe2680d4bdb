#include "agent/rootless.h"

#include <pwd.h>
#include <unistd.h>

#include <vector>

#include "base/file.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

// shadow's tools write a few lines per user.
constexpr std::size_t kRangesBytes = 1U << 20U;
constexpr unsigned kSuggestedStart = 100000;
constexpr unsigned kSuggestedEnd = 165535;

std::string name_of_user(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return std::to_string(uid);
  }
  return entry.pw_name;
}

Result<SubordinateIds> range_in(const std::string& file, const std::string& option,
                                const std::string& user, uid_t uid) {
  const auto text = read_file(file, kRangesBytes);
  const auto ids = text ? subordinate_ids(*text, user, uid) : std::nullopt;
  if (ids) return *ids;
  return fail(Error::invalid("run as", user,
                             "it has no range of ids in " + file + "; as root, 'usermod " + option +
                                 " " + std::to_string(kSuggestedStart) + "-" +
                                 std::to_string(kSuggestedEnd) + " " + user + "' gives it one"));
}

}  // namespace

std::optional<SubordinateIds> subordinate_ids(std::string_view text, std::string_view user,
                                              uid_t uid) {
  for (const auto line : split(text, '\n')) {
    const auto parts = split(line, ':');
    if (parts.size() != 3 || parts[0].empty()) continue;
    if (parts[0] != user && parts[0] != std::to_string(uid)) continue;
    const auto start = parse_integer<unsigned>(parts[1]);
    const auto count = parse_integer<unsigned>(parts[2]);
    // The last id is none (user_namespaces(7)).
    if (start && count && *count > 0 && *count < ~0U - *start) {
      return SubordinateIds{.start = *start, .count = *count};
    }
  }
  return std::nullopt;
}

Status map_to_caller(launcher::Spec& spec) {
  // Only root may lower it again from what the user's manager gave this process.
  spec.process.oom_score_adj.reset();
  if (spec.has_namespace(launcher::NamespaceType::user)) return {};
  const uid_t uid = ::geteuid();
  const std::string user = name_of_user(uid);
  CGW_ASSIGN(const SubordinateIds uids, range_in("/etc/subuid", "--add-subuids", user, uid));
  CGW_ASSIGN(const SubordinateIds gids, range_in("/etc/subgid", "--add-subgids", user, uid));
  spec.namespaces.push_back({launcher::NamespaceType::user, ""});
  spec.uid_mappings = {{0, uid, 1}, {1, uids.start, uids.count}};
  spec.gid_mappings = {{0, ::getegid(), 1}, {1, gids.start, gids.count}};
  return {};
}

void use_directories_of_user(Options& options, uid_t uid, const std::string& runtime_home,
                             const std::string& state_home, const std::string& home) {
  options.runtime_dir =
      (runtime_home.empty() ? "/run/user/" + std::to_string(uid) : runtime_home) + "/cgwarden";
  options.state_dir = (state_home.empty() ? home + "/.local/state" : state_home) + "/cgwarden";
}

}  // namespace cgwarden::agent
