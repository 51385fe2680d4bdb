#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "cli/top/frame.h"

// How a frame is looked at. Pure.
namespace cgwarden::cli::top {

enum class Page : std::uint8_t { list, detail, help };
enum class Prompt : std::uint8_t { none, filter, time };

struct State {
  Page page = Page::list;
  Column sort = Column::cpu;
  bool reverse = false;
  bool tree = true;
  std::string filter;            // empty: all
  std::set<std::string> folded;  // paths whose children are hidden
  std::string selected;          // path
  std::size_t first = 0;         // the line on top
  Prompt prompt = Prompt::none;
  std::string input;    // of the prompt
  std::string message;  // one sentence, until the next key
};

// One line of the table.
struct Line {
  std::size_t row = 0;  // of Frame::rows
  std::size_t depth = 0;
  bool has_children = false;
  bool folded = false;
  bool context = false;  // does not match the filter, but something below it does
};

// Does the filter ask for this row? A text with *, ? or [ is a glob over the whole name or path,
// any other is looked for in names, path, unit, container, pod, user and kind; case is ignored.
[[nodiscard]] bool matches(const Row& row, const std::string& filter);

// The lines of the table in their order. In the tree siblings are sorted, and a row whose parent is
// not there stands on top; a filter shows the ancestors of what it found, unfolded.
[[nodiscard]] std::vector<Line> lines_of(const Frame& frame, const State& state);

// Keeps the selected row on a screen of `height` lines, and selects one that is there.
void settle(State& state, const Frame& frame, const std::vector<Line>& lines, std::size_t height);

// Index into `lines` of the selected row; 0 when it is not there.
[[nodiscard]] std::size_t selected_line(const State& state, const Frame& frame,
                                        const std::vector<Line>& lines);

}  // namespace cgwarden::cli::top
