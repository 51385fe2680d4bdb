#include "cgroup/sample_reader.h"

#include <fcntl.h>

#include <bitset>
#include <cerrno>
#include <cstddef>
#include <optional>

#include "base/file.h"
#include "base/limits.h"
#include "cgroup/sampled_files.h"

namespace cgwarden::cgroup {

bool is_sampled(std::string_view file) { return sampled_file(file) < kSampledFiles; }

Result<std::string> read_control_file(int dir, const std::string& file) {
  CGW_ASSIGN(const UniqueFd fd, open_at(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  return read_all(fd.get(), file, limits::kControlFileBytes);
}

Status read_files(int dir, const std::vector<std::string>& files, const ReadControlFile& read,
                  Sample& sample) {
  std::bitset<kSampledFiles> listed;
  for (const std::string& file : files) {
    if (const std::size_t row = sampled_file(file); row < kSampledFiles) listed.set(row);
  }
  std::optional<Error> gone;
  bool alive = false;
  for (std::size_t i = 0; i < kSampledFiles; ++i) {
    if (!listed.test(i)) continue;
    const SampledFile& row = sampled_files()[i];
    const Result<std::string> text = read(dir, std::string(row.name));
    if (!text && text.error().errno_value == ENODEV) return fail(text.error());
    if (!text && text.error().kind == ErrorKind::vanished) {
      gone = text.error();
      continue;
    }
    // cgroup.controllers stands last: when it can still be read, files missed before were taken
    // away one by one (a controller was disabled) and not together with the cgroup.
    if (i + 1 == kSampledFiles) alive = true;
    if (!text) {
      sample.unreadable.push_back(unreadable(row.name, text.error()));
      continue;
    }
    if (const Status stored = row.store(sample, row.name, *text); !stored) {
      sample.unreadable.push_back(unreadable(row.name, stored.error()));
    }
  }
  if (gone && !alive) return fail(*gone);
  return {};
}

}  // namespace cgwarden::cgroup
