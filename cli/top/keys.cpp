#include "cli/top/keys.h"

#include <algorithm>

#include "cgroup/snapshot.h"
#include "cli/top/columns.h"
#include "cli/top/glyphs.h"

namespace cgwarden::cli::top {
namespace {

// A filter or a time is short; a stuck key must not fill memory.
constexpr std::size_t kInputBytes = 200;
constexpr std::size_t kBigStep = 10;

void move_to(State& state, const Frame& frame, const std::vector<Line>& lines, std::size_t line) {
  if (!lines.empty()) state.selected = frame.rows[lines[std::min(line, lines.size() - 1)].row].path;
}

void move_by(State& state, const Frame& frame, const std::vector<Line>& lines, bool down,
             std::size_t step) {
  const std::size_t at = selected_line(state, frame, lines);
  move_to(state, frame, lines, down ? at + step : at - std::min(at, step));
}

void sort_by_neighbour(State& state, bool right) {
  const auto at = static_cast<std::size_t>(state.sort);
  state.sort = static_cast<Column>((at + (right ? 1 : kColumns - 1)) % kColumns);
}

void sort_by(State& state, Column column) {
  // The same again turns the order round.
  state.reverse = state.sort == column && !state.reverse;
  state.sort = column;
}

void fold_selected(State& state, const Frame& frame, const std::vector<Line>& lines) {
  if (lines.empty()) return;
  const Line& line = lines[selected_line(state, frame, lines)];
  if (!line.has_children) return;
  const std::string& path = frame.rows[line.row].path;
  if (state.folded.erase(path) == 0) state.folded.insert(path);
}

// All but the tops, so that a screen is left to look at; again: nothing.
void fold_all(State& state, const Frame& frame) {
  if (!state.folded.empty()) {
    state.folded.clear();
    return;
  }
  std::set<std::string_view> paths;
  for (const Row& row : frame.rows) paths.insert(row.path);
  for (const Row& row : frame.rows) {
    const auto parent = cgroup::parent_path(row.path);
    const bool is_top = parent.empty() || !paths.contains(parent);
    if (!is_top && parent != "/") state.folded.emplace(parent);
  }
}

void begin_prompt(State& state, Prompt prompt) {
  state.prompt = prompt;
  state.input = prompt == Prompt::filter ? state.filter : "";
}

void erase_last(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0U) == 0x80U) {
    text.pop_back();
  }
  if (!text.empty()) text.pop_back();
}

Step type(State state, Key key) {
  using enum Key::What;
  switch (key.what) {
    case escape:
      state.prompt = Prompt::none;
      return {std::move(state)};
    case backspace:
      erase_last(state.input);
      return {std::move(state)};
    case enter: {
      const Prompt prompt = std::exchange(state.prompt, Prompt::none);
      std::string text = std::exchange(state.input, "");
      if (prompt == Prompt::filter) {
        state.filter = std::move(text);
        return {std::move(state)};
      }
      if (text.empty()) return {std::move(state)};
      return {std::move(state), Wish::jump, std::move(text)};
    }
    default:
      break;
  }
  if (key.what == symbol && width_of(key.symbol) > 0 && state.input.size() < kInputBytes) {
    state.input += to_utf8(std::u32string_view(&key.symbol, 1));
  }
  return {std::move(state)};
}

// The keys that go through time are the same on every page.
Wish time_wish(Key key) {
  switch (key.what) {
    case Key::What::left:
      return Wish::previous;
    case Key::What::right:
      return Wish::next;
    case Key::What::page_up:
      return Wish::minute_back;
    case Key::What::page_down:
      return Wish::minute_on;
    case Key::What::symbol:
      if (key.symbol == U'[') return Wish::previous;
      if (key.symbol == U']') return Wish::next;
      if (key.symbol == U'r' || key.symbol == U' ') return Wish::live;
      return Wish::none;
    default:
      return Wish::none;
  }
}

Step letter(State state, char32_t symbol, const Frame& frame, const std::vector<Line>& lines) {
  switch (symbol) {
    case U'q':
      if (state.page == Page::list) return {std::move(state), Wish::quit};
      state.page = Page::list;
      break;
    case U'?':
    case U'h':
      state.page = state.page == Page::help ? Page::list : Page::help;
      break;
    case U't':
      begin_prompt(state, Prompt::time);
      break;
    case U'/':
      begin_prompt(state, Prompt::filter);
      break;
    case U'k':
    case U'K':
      move_by(state, frame, lines, false, symbol == U'k' ? 1 : kBigStep);
      break;
    case U'j':
    case U'J':
      move_by(state, frame, lines, true, symbol == U'j' ? 1 : kBigStep);
      break;
    case U'v':
      state.tree = !state.tree;
      break;
    case U'f':
      fold_selected(state, frame, lines);
      break;
    case U'F':
      fold_all(state, frame);
      break;
    case U'<':
    case U'>':
      sort_by_neighbour(state, symbol == U'>');
      break;
    case U'i':
      state.reverse = !state.reverse;
      break;
    case U'C':
      sort_by(state, Column::cpu);
      break;
    case U'M':
      sort_by(state, Column::memory);
      break;
    case U'H':
      sort_by(state, Column::throttled);
      break;
    case U'P':
      sort_by(state, Column::memory_some);
      break;
    case U'N':
      sort_by(state, Column::name);
      break;
    default:
      break;
  }
  return {std::move(state)};
}

}  // namespace

Step press(State state, Key key, const Frame& frame, const std::vector<Line>& lines) {
  using enum Key::What;
  state.message.clear();
  if (state.prompt != Prompt::none) return type(std::move(state), key);
  if (const Wish wish = time_wish(key); wish != Wish::none) return {std::move(state), wish};
  switch (key.what) {
    case up:
      move_by(state, frame, lines, false, 1);
      break;
    case down:
      move_by(state, frame, lines, true, 1);
      break;
    case home:
      move_to(state, frame, lines, 0);
      break;
    case end:
      move_to(state, frame, lines, lines.size());
      break;
    case enter:
      if (state.page == Page::list && !lines.empty()) state.page = Page::detail;
      break;
    case escape:
      if (state.page == Page::list) {
        state.filter.clear();
      } else {
        state.page = Page::list;
      }
      break;
    case symbol:
      return letter(std::move(state), key.symbol, frame, lines);
    default:
      break;
  }
  return {std::move(state)};
}

const std::vector<KeyHelp>& key_help() {
  static const std::vector<KeyHelp> kKeys{
      {"up down j k", "select a row; J K ten at once, Home End the first and the last"},
      {"Enter", "details of the selected row; Esc or q goes back"},
      {"/", "filter: a part of a name, or a glob (web-*); Esc shows all again"},
      {"< >", "sort by the column to the left or right; i turns the order round"},
      {"C M H P N", "sort by CPU, memory, throttling, memory pressure, name"},
      {"v", "tree or flat list"},
      {"f F", "fold the selected row, or all"},
      {"left right [ ]", "the recorded tick before, or after"},
      {"PgUp PgDn", "a minute back, or on"},
      {"t", "go to a time: 10m ago, 03:12, 2026-01-31 12:00"},
      {"r Space", "back to what is now"},
      {"? h", "this page"},
      {"q", "quit"},
  };
  return kKeys;
}

}  // namespace cgwarden::cli::top
