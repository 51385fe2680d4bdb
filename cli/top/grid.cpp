#include "cli/top/grid.h"

#include <algorithm>

#include "cli/top/glyphs.h"

namespace cgwarden::cli::top {
namespace {

// How many symbols of the front fit into `most` cells.
std::size_t fitting(std::u32string_view symbols, std::size_t most) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    used += width_of(symbols[i]);
    if (used > most) return i;
  }
  return symbols.size();
}

std::u32string shortened(std::u32string_view symbols, std::size_t most, bool unicode,
                         Grid::Cut cut) {
  if (fitting(symbols, most) == symbols.size()) return std::u32string(symbols);
  if (most == 0) return {};
  const char32_t mark = unicode ? U'\u2026' : U'~';
  if (cut == Grid::Cut::end) {
    return std::u32string(symbols.substr(0, fitting(symbols, most - 1))) + mark;
  }
  std::u32string backwards(symbols.rbegin(), symbols.rend());
  const std::size_t kept = fitting(backwards, most - 1);
  return mark + std::u32string(symbols.substr(symbols.size() - kept));
}

}  // namespace

Grid::Grid(std::size_t width, std::size_t height, bool unicode)
    : width_(width), height_(height), unicode_(unicode), cells_(width * height) {}

std::size_t Grid::put_symbols(std::size_t x, std::size_t y, std::u32string_view symbols, Look look,
                              std::size_t most, Cut cut) {
  if (y >= height_ || x >= width_) return 0;
  const std::u32string fit = shortened(symbols, std::min(most, width_ - x), unicode_, cut);
  std::size_t at = x;
  for (const char32_t symbol : fit) {
    const unsigned width = width_of(symbol);
    for (unsigned i = 0; i < width; ++i) {
      cells_[(y * width_) + at++] = {i == 0 ? symbol : U' ', look, i > 0};
    }
  }
  return at - x;
}

std::size_t Grid::put(std::size_t x, std::size_t y, std::string_view text, Look look,
                      std::size_t most, Cut cut) {
  return put_symbols(x, y, glyphs(text, unicode_), look, most, cut);
}

std::size_t Grid::put(std::size_t x, std::size_t y, std::string_view text, Look look) {
  return put(x, y, text, look, width_);
}

void Grid::put_right(std::size_t end, std::size_t y, std::string_view text, Look look,
                     std::size_t most) {
  const std::u32string symbols = glyphs(text, unicode_);
  const std::size_t cells = std::min(cells_of(symbols), most);
  if (cells <= end) put_symbols(end - cells, y, symbols, look, cells);
}

void Grid::paint(std::size_t y, Look look) {
  if (y >= height_) return;
  for (std::size_t x = 0; x < width_; ++x) cells_[(y * width_) + x].look = look;
}

std::string Grid::text() const {
  std::string out;
  for (std::size_t y = 0; y < height_; ++y) {
    std::u32string line;
    for (std::size_t x = 0; x < width_; ++x) {
      if (!at(x, y).tail) line += at(x, y).symbol;
    }
    line.erase(line.find_last_not_of(U' ') + 1);
    out += to_utf8(line) + '\n';
  }
  return out;
}

}  // namespace cgwarden::cli::top
