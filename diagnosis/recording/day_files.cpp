#include "diagnosis/recording/day_files.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <tuple>

#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::diagnosis::recording {
namespace {

constexpr std::size_t kDayBytes = 10;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

std::optional<DayFile> day_file_of(std::string_view name) {
  DayFile file;
  for (const auto& [prefix, kind] : {std::pair{"samples-", DayFile::Kind::samples},
                                     std::pair{"rollup-", DayFile::Kind::rollup}}) {
    if (!name.starts_with(prefix)) continue;
    file.kind = kind;
    std::string_view rest = name.substr(std::string_view(prefix).size());
    const auto day = parse_day(rest.substr(0, kDayBytes));
    if (!day) return std::nullopt;
    file.day = *day;
    rest.remove_prefix(kDayBytes);
    if (rest == ".db") return file;
    if (!rest.starts_with(".db.aside-") || rest.ends_with("-journal")) return std::nullopt;
    file.kind = DayFile::Kind::aside;
    return file;
  }
  return std::nullopt;
}

std::uint64_t size_of(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

}  // namespace

std::string day_text(std::uint64_t day) {
  const std::chrono::year_month_day date(
      std::chrono::sys_days(std::chrono::days(static_cast<std::int64_t>(day))));
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text.data();
}

std::optional<std::uint64_t> parse_day(std::string_view text) {
  if (text.size() != kDayBytes || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = parse_integer<std::uint16_t>(text.substr(0, 4));
  const auto month = parse_integer<std::uint16_t>(text.substr(5, 2));
  const auto day = parse_integer<std::uint16_t>(text.substr(8, 2));
  if (!year || !month || !day || *year < 1970) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                         std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  return static_cast<std::uint64_t>(std::chrono::sys_days(date).time_since_epoch().count());
}

std::string samples_path(const std::string& directory, std::uint64_t day) {
  return directory + "/samples-" + day_text(day) + ".db";
}

std::string rollup_path(const std::string& directory, std::uint64_t day) {
  return directory + "/rollup-" + day_text(day) + ".db";
}

Result<std::vector<DayFile>> list_day_files(const std::string& directory) {
  const std::unique_ptr<DIR, CloseDirectory> opened(::opendir(directory.c_str()));
  if (!opened) return fail(Error::from_errno(errno, "list", directory));
  std::vector<DayFile> files;
  while (const dirent* entry = ::readdir(opened.get())) {
    auto file = day_file_of(entry->d_name);
    if (!file) continue;
    file->path = directory + "/" + entry->d_name;
    file->bytes = size_of(file->path) + size_of(file->path + "-journal");
    files.push_back(*std::move(file));
  }
  std::ranges::sort(files, {},
                    [](const DayFile& file) { return std::tuple(file.day, file.kind, file.path); });
  if (files.size() > limits::kRecordedDays) {
    files.erase(files.begin(), files.end() - limits::kRecordedDays);
  }
  return files;
}

Status remove_day_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return fail(Error::from_errno(errno, "remove", path));
  ::unlink((path + "-journal").c_str());
  return {};
}

Result<std::string> move_aside(const std::string& path, std::string_view why,
                               std::uint64_t wall_seconds) {
  const std::string aside = path + ".aside-" + std::to_string(wall_seconds);
  if (std::rename(path.c_str(), aside.c_str()) != 0) {
    return fail(Error::from_errno(errno, "move aside", path));
  }
  // A rollback journal belongs to the file that was moved, not to the new one.
  std::rename((path + "-journal").c_str(), (aside + "-journal").c_str());
  return path + " was not usable (" + std::string(why) + "); it was moved to " + aside +
         " and a new file begun";
}

}  // namespace cgwarden::diagnosis::recording
