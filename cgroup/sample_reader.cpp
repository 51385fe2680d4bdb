#include "cgroup/sample_reader.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "cgroup/sampled_files.h"

namespace cgwarden::cgroup {

bool is_sampled(std::string_view file, FileGroups groups) {
  const std::size_t row = sampled_file(file);
  return row < kSampledFiles && sampled_files()[row].wanted(groups);
}

Result<std::string> read_control_file(int dir, const std::string& file) {
  CGW_ASSIGN(const UniqueFd fd, open_at(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  return read_all(fd.get(), file, limits::kControlFileBytes);
}

Status read_files(int dir, const std::vector<std::string>& files, const ReadControlFile& read,
                  Sample& sample, FileGroups groups) {
  // In the order of the table: cgroup.controllers comes last.
  std::vector<std::pair<std::size_t, std::string_view>> listed;
  for (const std::string& file : files) {
    if (is_sampled(file, groups)) listed.emplace_back(sampled_file(file), file);
  }
  std::ranges::sort(listed);
  std::optional<Error> gone;
  bool alive = false;
  for (const auto& [row, file] : listed) {
    const Result<std::string> text = read(dir, std::string(file));
    if (!text && text.error().errno_value == ENODEV) return fail(text.error());
    if (!text && text.error().kind == ErrorKind::vanished) {
      gone = text.error();
      continue;
    }
    // When cgroup.controllers can still be read, files missed before were taken away one by one (a
    // controller was disabled) and not together with the cgroup.
    if (row + 1 == kSampledFiles) alive = true;
    if (!text) {
      sample.unreadable.push_back(unreadable(file, text.error()));
      continue;
    }
    if (const Status stored = sampled_files()[row].store(sample, file, *text, groups); !stored) {
      sample.unreadable.push_back(unreadable(file, stored.error()));
    }
  }
  if (gone && !alive) return fail(*gone);
  return {};
}

}  // namespace cgwarden::cgroup
