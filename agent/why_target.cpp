#include "agent/why_target.h"

#include <limits>
#include <string_view>
#include <vector>

#include "identity/identity.h"
#include "identity/subject.h"

#include "agent/process_lookup.h"
#include "agent/workload_view.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "diagnosis/recording/recording.h"

namespace cgwarden::agent {
namespace {

constexpr std::size_t kLeastDigits = 12;  // as docker and podman show them

bool is_id(std::string_view text) {
  return text.size() >= kLeastDigits && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A workload is its own name; "" for what has none in the store.
std::string name_of(const identity::Identity& who) {
  if (who.runtime == "cgwarden" && !who.container.empty()) return who.container;
  auto subject = identity::subject_of(who);
  if (!subject) subject = identity::passing_subject_of(who);
  return subject ? identity::to_key(*subject) : std::string();
}

using Lives = std::vector<diagnosis::RecordedCgroup>;

// Only a recording knows the names of containers that are gone; nothing without one.
Lives recorded_lives(const Options& where) {
  const auto recording =
      diagnosis::Recording::open({.state_dir = where.state_dir, .runtime_dir = where.runtime_dir});
  if (!recording) return {};
  return recording->cgroups({Usec{0}, Usec(std::numeric_limits<std::int64_t>::max())})
      .value_or(Lives{});
}

// By the newest life that is called so.
std::string recorded_name(const Lives& lives, std::string_view text) {
  const diagnosis::RecordedCgroup* newest = nullptr;
  for (const auto& life : lives) {
    if (life.is_called(text) && (newest == nullptr || life.last > newest->last)) newest = &life;
  }
  return newest != nullptr ? name_of(newest->identity) : std::string();
}

// A group inside a unit or a container is asked about as that.
std::string name_of_cgroup(const Lives& lives, std::string_view path) {
  for (; path.size() > 1; path = path.substr(0, path.rfind('/'))) {
    // The scope of a workload is its fence.
    const identity::Identity inside = identity::of_path(std::string(path) + "/payload");
    if (inside.kind == identity::Kind::workload) return name_of(inside);
    if (auto name = recorded_name(lives, path); !name.empty()) return name;
    if (auto name = name_of(identity::of_path(path)); !name.empty()) return name;
  }
  return {};
}

Result<std::string> cgroup_of(const Options& where, const std::string& pid) {
  const auto text = read_file("/proc/" + pid + "/cgroup", limits::kControlFileBytes);
  if (!text) {
    return fail(Error{ErrorKind::vanished, 0, "find", "pid " + pid,
                      "no such process lives; name the workload, the unit, the container or the "
                      "cgroup that it was in"});
  }
  CGW_ASSIGN(const cgroup::Tree tree, open_tree(where.cgroup_root));
  return cgroup_path_in(tree, *text);
}

}  // namespace

Result<std::string> why_target(const Options& where, const std::string& text) {
  std::string path = text.starts_with('/') ? text : std::string();
  if (text.size() < kLeastDigits && parse_integer<unsigned>(text)) {
    CGW_ASSIGN(path, cgroup_of(where, text));
  }
  std::string name;
  if (!path.empty()) {
    name = name_of_cgroup(recorded_lives(where), path);
    if (name.empty()) return path;
  } else if (is_id(text)) {
    name = recorded_name(recorded_lives(where), text);
  }
  return name.empty() ? text : name;
}

}  // namespace cgwarden::agent
