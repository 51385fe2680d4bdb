#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/top/grid.h"
#include "cli/top/view_state.h"

namespace cgwarden::cli::top {

// A few minutes of one number, oldest first; absent where nothing was recorded.
struct Curve {
  std::string title;  // "CPU cores"
  std::vector<std::optional<double>> points;
  std::string newest;  // its last value with its unit
  std::string most;    // its largest
};

// What the screen shows beside the rows.
struct Surroundings {
  bool live = true;
  Usec now{0};                     // wall clock
  std::vector<Curve> curves = {};  // of the selected row, on the detail page
  std::string curves_note = {};    // why there are none, or what they span
};

struct Size {
  std::size_t width = 80;
  std::size_t height = 24;
};

// Lines of the table on a screen of that height.
[[nodiscard]] std::size_t table_height(Size size);

// The whole screen. `lines` are those of the frame, and `state` is settled.
[[nodiscard]] Grid render(const Frame& frame, const std::vector<Line>& lines, const State& state,
                          const Surroundings& around, Size size, bool unicode);

// "3 s", "10 min 3 s", "2 h 5 min", "3 d 4 h".
[[nodiscard]] std::string age_text(Usec age);

// The pages, each from line `y` on.
void draw_table(Grid& grid, const Frame& frame, const std::vector<Line>& lines, const State& state);
void draw_detail(Grid& grid, const Frame& frame, const State& state, const Surroundings& around);
void draw_help(Grid& grid);

}  // namespace cgwarden::cli::top
