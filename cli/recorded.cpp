#include "cli/recorded.h"

#include <algorithm>

#include "base/text.h"
#include "cgroup/fields.h"
#include "cli/since.h"

namespace cgwarden::cli {
namespace {

using diagnosis::RecordedCgroup;

std::size_t depth_of(const RecordedCgroup& cgroup) {
  return static_cast<std::size_t>(std::ranges::count(cgroup.path, '/'));
}

}  // namespace

Result<diagnosis::Recording> open_recording(const agent::Options& where) {
  return diagnosis::Recording::open({where.state_dir, where.runtime_dir});
}

Result<diagnosis::TimeRange> parse_range(const std::string& since, const std::string& until,
                                         Usec default_ago, Usec now) {
  diagnosis::TimeRange range{now - std::min(default_ago, now), now};
  if (!since.empty()) {
    CGW_ASSIGN(range.from, parse_since(since, now));
  }
  if (!until.empty()) {
    CGW_ASSIGN(range.until, parse_since(until, now, "--until"));
  }
  if (range.from > range.until) {
    return fail(Error::invalid("use", "--since " + printable(since),
                               "it is later than the end of the time asked for"));
  }
  return range;
}

Result<std::vector<std::string>> parse_fields(const std::vector<std::string>& words) {
  std::vector<std::string> names;
  for (const std::string& word : words) {
    for (const std::string_view wanted : split(word, ',')) {
      bool found = false;
      for (const cgroup::Field& field : cgroup::fields()) {
        const bool fits = field.name == wanted ||
                          (field.name.starts_with(wanted) && field.name[wanted.size()] == '.');
        if (!fits || wanted.empty()) continue;
        found = true;
        if (std::ranges::find(names, field.name) == names.end()) names.push_back(field.name);
      }
      if (!found) {
        return fail(Error::invalid("use", "--fields " + printable(word),
                                   "there is no such field; cgwarden dump -O csv names them all in "
                                   "its first line"));
      }
    }
  }
  return names;
}

std::vector<RecordedCgroup> lives_called(const std::vector<RecordedCgroup>& all,
                                         std::string_view name) {
  std::vector<RecordedCgroup> lives;
  for (const RecordedCgroup& cgroup : all) {
    if (cgroup.is_called(name)) lives.push_back(cgroup);
  }
  const auto keep = [&](const auto& wanted) {
    if (std::ranges::any_of(lives, wanted)) {
      std::erase_if(lives, [&](const auto& life) { return !wanted(life); });
    }
  };
  keep([&](const auto& life) { return life.path == name; });
  // Limits and processes are in the payload; what is inside it was made by the workload.
  keep([](const auto& life) {
    return life.identity.runtime == "cgwarden" && life.path.ends_with("/payload");
  });
  keep([](const auto& life) { return life.identity.kind != identity::Kind::group; });
  if (!lives.empty()) {
    const std::size_t least = depth_of(std::ranges::min(lives, {}, depth_of));
    keep([&](const auto& life) { return depth_of(life) == least; });
  }
  std::ranges::stable_sort(lives, {}, &RecordedCgroup::first);
  return lives;
}

}  // namespace cgwarden::cli
