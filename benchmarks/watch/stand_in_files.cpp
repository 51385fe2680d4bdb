#include "benchmarks/watch/stand_in_files.h"

#include <algorithm>

namespace cgwarden::benchmarks {

std::string_view stand_in(std::string_view file) {
  if (file == "memory.current") return "hugetlb.2MB.current";
  if (file == "memory.events") return "hugetlb.2MB.events";
  return file;
}

void change_text(std::span<char> text, std::uint64_t round) {
  for (auto at = text.rbegin(); at != text.rend(); ++at) {
    if (*at < '0' || *at > '9') continue;
    *at = static_cast<char>('0' + round % 10);
    return;
  }
}

Result<UniqueFd> StandInFiles::open_cgroup(const cgroup::Tree& tree, std::string_view path) {
  return kernel_.open_cgroup(tree, path);
}

Result<cgroup::Listing> StandInFiles::list(int directory) {
  auto listed = kernel_.list(directory);
  if (!listed || !stand_ins_) return listed;
  for (const std::string_view file : kTickNames) {
    const std::string_view other = stand_in(file);
    if (other != file && std::ranges::find(listed->files, other) != listed->files.end()) {
      listed->files.emplace_back(file);
    }
  }
  return listed;
}

Result<UniqueFd> StandInFiles::open(int directory, std::string_view file) {
  return kernel_.open(directory, stand_ins_ ? stand_in(file) : file);
}

Result<std::size_t> StandInFiles::read(int fd, std::span<char> buffer, std::string_view file) {
  const auto size = kernel_.read(fd, buffer, file);
  if (size && round_ > 0 && std::ranges::find(kTickNames, file) != kTickNames.end()) {
    change_text(buffer.first(*size), round_);
  }
  return size;
}

}  // namespace cgwarden::benchmarks
