#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// The files of the recorder in the state directory: samples-2026-11-26.db of a day (UTC), in steps
// of ten seconds rollup-2026-11-26.db, and what was moved aside, *.aside-SECONDS.
namespace cgwarden::diagnosis::recording {

struct DayFile {
  enum class Kind : std::uint8_t { samples, rollup, aside };
  Kind kind = Kind::samples;
  std::string path;
  std::uint64_t day = 0;  // since 1970-01-01
  std::uint64_t bytes = 0;
};

inline constexpr std::uint64_t kDayMs = 86'400'000;

// "2026-11-26"; day 20783.
[[nodiscard]] std::string day_text(std::uint64_t day);
[[nodiscard]] std::optional<std::uint64_t> parse_day(std::string_view text);

[[nodiscard]] std::string samples_path(const std::string& directory, std::uint64_t day);
[[nodiscard]] std::string rollup_path(const std::string& directory, std::uint64_t day);

// Oldest first; a journal counts to its file. Anything else in the directory is left alone.
[[nodiscard]] Result<std::vector<DayFile>> list_day_files(const std::string& directory);

// Removes a file with its journal. vanished: it was not there.
[[nodiscard]] Status remove_day_file(const std::string& path);

// Renames a file nobody can use, with its journal, and gives the sentence to say.
[[nodiscard]] Result<std::string> move_aside(const std::string& path, std::string_view why,
                                             std::uint64_t wall_seconds);

}  // namespace cgwarden::diagnosis::recording
