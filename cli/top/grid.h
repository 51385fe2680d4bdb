#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cgwarden::cli::top {

enum class Color : std::uint8_t { plain, accent, good, warning, bad };

struct Look {
  Color color = Color::plain;
  bool bold = false;
  bool dim = false;
  bool reverse = false;
  bool operator==(const Look&) const = default;
};

inline constexpr Look kBoldLook{
    .color = Color::plain, .bold = true, .dim = false, .reverse = false};
inline constexpr Look kDimLook{.color = Color::plain, .bold = false, .dim = true, .reverse = false};

struct Cell {
  char32_t symbol = U' ';
  Look look;
  bool tail = false;  // the right half of the character before
};

// A screen as cells. What does not fit is cut. Columns and lines count from 0.
class Grid {
 public:
  Grid(std::size_t width, std::size_t height, bool unicode);

  [[nodiscard]] std::size_t width() const { return width_; }
  [[nodiscard]] std::size_t height() const { return height_; }
  [[nodiscard]] bool unicode() const { return unicode_; }
  [[nodiscard]] const Cell& at(std::size_t x, std::size_t y) const {
    return cells_[(y * width_) + x];
  }

  enum class Cut : std::uint8_t { end, front };
  // Foreign text, made printable (glyphs.h), in at most `most` cells; what was cut is a mark at
  // that end. Gives how many cells it took.
  std::size_t put(std::size_t x, std::size_t y, std::string_view text, Look look, std::size_t most,
                  Cut cut = Cut::end);
  std::size_t put(std::size_t x, std::size_t y, std::string_view text, Look look = {});
  // With its end before cell `end`.
  void put_right(std::size_t end, std::size_t y, std::string_view text, Look look,
                 std::size_t most);
  std::size_t put_symbols(std::size_t x, std::size_t y, std::u32string_view symbols, Look look,
                          std::size_t most, Cut cut = Cut::end);
  // The look of a whole line; its text stays.
  void paint(std::size_t y, Look look);

  // For golden tests: lines without the blanks at their ends.
  [[nodiscard]] std::string text() const;

 private:
  std::size_t width_;
  std::size_t height_;
  bool unicode_;
  std::vector<Cell> cells_;
};

}  // namespace cgwarden::cli::top
