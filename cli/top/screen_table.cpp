#include <algorithm>
#include <string>

#include "cli/top/columns.h"
#include "cli/top/glyphs.h"
#include "cli/top/screen.h"

namespace cgwarden::cli::top {
namespace {

constexpr std::size_t kTitleLine = 2;

// From where a number is worth a look, and from where it hurts.
struct Thresholds {
  Column column;
  double warning;
  double bad;
};
constexpr std::array<Thresholds, 6> kThresholds{{
    {Column::throttled, 0.05, 0.25},
    {Column::share, 0.8, 0.95},
    {Column::memory_some, 0.1, 0.4},
    {Column::memory_full, 0.05, 0.2},
    {Column::io_full, 0.1, 0.4},
    {Column::cpu_some, 0.25, 0.6},
}};

Look look_of(Column column, const Row& row) {
  if (column == Column::oom_kill) {
    return row.value(column).value_or(0) > 0 ? Look{.color = Color::bad} : Look{};
  }
  const auto value = row.value(column);
  const auto* const found = std::ranges::find(kThresholds, column, &Thresholds::column);
  if (!value || found == kThresholds.end()) return {};
  // Bold tells where there are no colours.
  if (*value >= found->bad) return {.color = Color::bad, .bold = true};
  return *value >= found->warning ? Look{.color = Color::warning} : Look{};
}

bool left_aligned(const ColumnInfo& info) { return info.unit == Unit::text; }

// The columns that fit beside the name, by rank, and always the one that is sorted by.
std::vector<ColumnInfo> chosen_columns(std::size_t width, Column sort) {
  std::vector<ColumnInfo> ranked(columns().begin() + 1, columns().end());
  std::ranges::sort(ranked, [sort](const ColumnInfo& a, const ColumnInfo& b) {
    if ((a.column == sort) != (b.column == sort)) return a.column == sort;
    return a.rank < b.rank;
  });
  std::size_t used = info_of(Column::name).width;
  std::vector<ColumnInfo> chosen;
  for (const ColumnInfo& info : ranked) {
    if (used + 1 + info.width > width) break;
    used += 1 + info.width;
    chosen.push_back(info);
  }
  std::ranges::sort(chosen, {}, &ColumnInfo::column);
  return chosen;
}

void put_cell(Grid& grid, std::size_t x, std::size_t y, const ColumnInfo& info,
              std::string_view text, Look look) {
  if (left_aligned(info)) {
    grid.put(x, y, text, look, info.width);
  } else {
    grid.put_right(x + info.width, y, text, look, info.width);
  }
}

// A group's own name says little without the tree around it.
bool shows_path(const Row& row, bool tree) {
  return !tree &&
         (row.identity.kind == identity::Kind::group || row.identity.kind == identity::Kind::slice);
}

void put_name(Grid& grid, std::size_t y, const Row& row, const Line& line, bool tree,
              std::size_t width, Look look) {
  if (shows_path(row, tree)) {
    grid.put(0, y, row.path, look, width, Grid::Cut::front);
    return;
  }
  // Half of the name's cells at most are for its place in the tree.
  const std::size_t indent = std::min(line.depth * 2, width / 2);
  grid.put(indent, y, row.name, look, width - indent - (line.folded ? 2 : 0));
  if (!line.folded) return;
  const auto used = std::min(cells_of(glyphs(row.name, grid.unicode())), width - indent - 2);
  grid.put(indent + used, y, " +", {.color = Color::accent, .bold = true});
}

}  // namespace

void draw_table(Grid& grid, const Frame& frame, const std::vector<Line>& lines,
                const State& state) {
  const auto chosen = chosen_columns(grid.width(), state.sort);
  std::size_t others = 0;
  for (const ColumnInfo& info : chosen) others += info.width + 1;
  const std::size_t name_width = grid.width() - std::min(others, grid.width());

  const Look title{.color = Color::plain, .bold = false, .dim = false, .reverse = true};
  const auto title_look = [&](Column column) {
    return Look{.color = title.color, .bold = column == state.sort, .dim = false, .reverse = true};
  };
  grid.paint(kTitleLine, title);
  grid.put(0, kTitleLine, info_of(Column::name).title, title_look(Column::name), name_width);
  std::size_t x = name_width + 1;
  for (const ColumnInfo& info : chosen) {
    put_cell(grid, x, kTitleLine, info, info.title, title_look(info.column));
    x += info.width + 1;
  }
  const std::size_t height = table_height({grid.width(), grid.height()});
  for (std::size_t i = 0; i < height && state.first + i < lines.size(); ++i) {
    const Line& line = lines[state.first + i];
    const Row& row = frame.rows[line.row];
    const std::size_t y = kTitleLine + 1 + i;
    const bool selected = row.path == state.selected;
    const auto look = [&](Look base) {
      base.reverse = selected;
      base.dim = line.context && !selected;
      return base;
    };
    if (selected) grid.paint(y, look({}));
    put_name(grid, y, row, line, state.tree, name_width, look({}));
    x = name_width + 1;
    for (const ColumnInfo& info : chosen) {
      put_cell(grid, x, y, info, text_of(info.column, row), look(look_of(info.column, row)));
      x += info.width + 1;
    }
  }
  if (lines.empty() && height > 0) {
    grid.put(0, kTitleLine + 1,
             frame.rows.empty() ? "there is no cgroup at this moment" : "the filter finds nothing",
             {.color = Color::plain, .bold = false, .dim = true, .reverse = false});
  }
}

}  // namespace cgwarden::cli::top
