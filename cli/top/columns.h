#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/top/frame.h"

namespace cgwarden::cli::top {

enum class Unit : std::uint8_t { text, cores, share, seconds, bytes, count };

struct ColumnInfo {
  Column column;
  std::string_view word;   // of --sort
  std::string_view title;  // over the table
  unsigned width;          // in cells; of the name: the least
  unsigned rank;           // those of a low rank stay when the screen is narrow
  Unit unit;
  std::string_view meaning;  // on the help page
};

[[nodiscard]] const std::array<ColumnInfo, kColumns>& columns();
[[nodiscard]] const ColumnInfo& info_of(Column column);
[[nodiscard]] std::optional<Column> column_called(std::string_view word);
// "name, kind, cpu, ..."
[[nodiscard]] std::vector<std::string> column_words();

// As it stands in the table; "-" is missing, "max" no limit. Foreign text is as it is.
[[nodiscard]] std::string text_of(Column column, const Row& row);
// A number of that unit; "-" without one.
[[nodiscard]] std::string text_of(Unit unit, std::optional<double> value);

// The order of the table: numbers from the largest, texts from A; what is missing comes last, also
// when `reverse` turns the others round.
[[nodiscard]] bool comes_before(const Row& left, const Row& right, Column column, bool reverse);

}  // namespace cgwarden::cli::top
