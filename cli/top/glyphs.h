#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// Foreign text made fit for a screen of cells. Pure.
namespace cgwarden::cli::top {

// Cells that a character takes: 1 or 2; 0 for what glyphs() shows by its number instead (control
// and formatting characters, combining marks, unassigned ones). By the tables of the C library,
// which ncurses goes by as well.
[[nodiscard]] unsigned width_of(char32_t symbol);

// The characters of a text; every one of them takes a cell or two. What could drive or confuse a
// terminal is shown by its number: bytes that are no UTF-8 and ASCII controls as \xNN, others
// (writing direction, zero width, marks) as \u{N}. Without `unicode` all but ASCII is.
[[nodiscard]] std::u32string glyphs(std::string_view text, bool unicode);

[[nodiscard]] std::size_t cells_of(std::u32string_view text);

[[nodiscard]] std::string to_utf8(std::u32string_view text);

// Eight heights of a bar by a value from 0 to 1: 0 has the lowest.
[[nodiscard]] char32_t bar(double share, bool unicode);

}  // namespace cgwarden::cli::top
