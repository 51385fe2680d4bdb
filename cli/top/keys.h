#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/top/view_state.h"

namespace cgwarden::cli::top {

struct Key {
  enum class What : std::uint8_t {
    symbol,
    up,
    down,
    left,
    right,
    page_up,
    page_down,
    home,
    end,
    enter,
    escape,
    backspace,
  };
  What what = What::symbol;
  char32_t symbol = 0;  // of a symbol
};

// What a key asks of those who have the data.
enum class Wish : std::uint8_t {
  none,
  quit,
  live,         // show what is now
  previous,     // the recorded tick before
  next,         // the one after
  minute_back,  // a minute before
  minute_on,
  jump,  // to the time that Step::text says
};

struct Step {
  State state;
  Wish wish = Wish::none;
  std::string text = {};
};

// What a key does. `lines` are those of `frame` in this state.
[[nodiscard]] Step press(State state, Key key, const Frame& frame, const std::vector<Line>& lines);

// All keys with what they do, for the help page and the manual.
struct KeyHelp {
  std::string_view keys;
  std::string_view meaning;
};
[[nodiscard]] const std::vector<KeyHelp>& key_help();

}  // namespace cgwarden::cli::top
