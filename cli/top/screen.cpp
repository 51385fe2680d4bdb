#include "cli/top/screen.h"

#include <fmt/format.h>

#include "cli/local_time.h"
#include "cli/top/columns.h"
#include "cli/top/keys.h"

namespace cgwarden::cli::top {
namespace {

// Two lines of head, the titles, one line of foot.
constexpr std::size_t kFrameLines = 4;

constexpr Look kLive{.color = Color::good, .bold = true, .dim = false, .reverse = true};
constexpr Look kPast{.color = Color::warning, .bold = true, .dim = false, .reverse = true};

std::string_view page_name(Page page) {
  switch (page) {
    case Page::list:
      return "";
    case Page::detail:
      return "details";
    case Page::help:
      return "help";
  }
  return "";
}

void draw_head(Grid& grid, const Frame& frame, std::size_t shown, const State& state,
               const Surroundings& around) {
  std::size_t x = grid.put(0, 0, around.live ? " LIVE " : " PAST ", around.live ? kLive : kPast);
  ++x;
  if (!around.live) {
    const Usec age = around.now > frame.time ? around.now - frame.time : Usec{0};
    x += grid.put(x, 0, age_text(age) + " ago", kBoldLook) + 1;
  }
  x += grid.put(x, 0, wall_text(frame.time), {}) + 2;
  if (around.live && !frame.between)
    x += grid.put(x, 0, "first look, rates come next", kDimLook) + 2;
  x += grid.put(x, 0, fmt::format("{} of {} cgroups", shown, frame.rows.size()), kDimLook) + 2;
  if (frame.dropped > 0) {
    x += grid.put(x, 0, fmt::format("{} left out", frame.dropped), {.color = Color::warning}) + 2;
  }
  grid.put(x, 0, page_name(state.page), kBoldLook);

  const auto typed = [&](std::string_view what) {
    grid.put(grid.put(0, 1, what, kBoldLook), 1, state.input + "_", {});
  };
  if (state.prompt == Prompt::filter) return typed("filter: ");
  if (state.prompt == Prompt::time) return typed("go to (10m ago, 03:12): ");
  if (!state.message.empty()) {
    grid.put(0, 1, state.message, {.color = Color::warning, .bold = true});
    return;
  }
  std::string how = fmt::format("by {}{}, {}", info_of(state.sort).word,
                                state.reverse ? " reversed" : "", state.tree ? "tree" : "flat");
  if (!state.filter.empty()) how += ", filter " + state.filter;
  grid.put(0, 1, how, kDimLook);
}

void draw_foot(Grid& grid, const State& state) {
  if (grid.height() < kFrameLines) return;
  const std::size_t y = grid.height() - 1;
  if (state.prompt != Prompt::none) {
    grid.put(0, y, "Enter takes it, Esc leaves it", kDimLook);
  } else if (state.page != Page::list) {
    grid.put(0, y, "Esc back  [ ] tick  PgUp PgDn minute  r live", kDimLook);
  } else {
    grid.put(0, y,
             "? help  q quit  Enter details  / filter  < > sort  v tree  t time  [ ] tick  r live",
             kDimLook);
  }
}

}  // namespace

std::size_t table_height(Size size) {
  return size.height > kFrameLines ? size.height - kFrameLines : 0;
}

std::string age_text(Usec age) {
  const std::uint64_t seconds = age.count() / 1'000'000;
  const std::uint64_t minutes = seconds / 60;
  const std::uint64_t hours = minutes / 60;
  if (minutes == 0) return fmt::format("{} s", seconds);
  if (hours == 0) return fmt::format("{} min {} s", minutes, seconds % 60);
  if (hours < 24) return fmt::format("{} h {} min", hours, minutes % 60);
  return fmt::format("{} d {} h", hours / 24, hours % 24);
}

Grid render(const Frame& frame, const std::vector<Line>& lines, const State& state,
            const Surroundings& around, Size size, bool unicode) {
  Grid grid(size.width, size.height, unicode);
  switch (state.page) {
    case Page::list:
      draw_table(grid, frame, lines, state);
      break;
    case Page::detail:
      draw_detail(grid, frame, state, around);
      break;
    case Page::help:
      draw_help(grid);
      break;
  }
  draw_head(grid, frame, lines.size(), state, around);
  draw_foot(grid, state);
  return grid;
}

void draw_help(Grid& grid) {
  std::size_t y = 2;
  // The last line is the foot.
  const auto room = [&] { return y + 1 < grid.height(); };
  for (const KeyHelp& help : key_help()) {
    if (!room()) return;
    grid.put(0, y, help.keys, kBoldLook, 15);
    grid.put(16, y++, help.meaning, {});
  }
  // The columns stand beside the keys where there is room, else below them.
  const bool beside = grid.width() >= 150;
  const std::size_t x = beside ? 88 : 0;
  if (beside) {
    y = 2;
  } else {
    ++y;
  }
  for (const ColumnInfo& info : columns()) {
    if (!room()) return;
    grid.put(x, y, info.title, kBoldLook, 15);
    grid.put(x + 16, y++, info.meaning, {});
  }
}

}  // namespace cgwarden::cli::top
