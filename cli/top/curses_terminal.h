#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "cli/top/grid.h"
#include "cli/top/keys.h"
#include "cli/top/screen.h"

namespace cgwarden::cli::top {

// The terminal in full-screen mode, from open() until it is destroyed: then it is as it was. The
// only place that knows ncurses. One at a time.
class CursesTerminal {
 public:
  // not_supported: the terminal's type (TERM) is not known. Colours only when asked for and there.
  [[nodiscard]] static Result<std::unique_ptr<CursesTerminal>> open(bool color);
  CursesTerminal(const CursesTerminal&) = delete;
  CursesTerminal& operator=(const CursesTerminal&) = delete;
  ~CursesTerminal();

  [[nodiscard]] Size size() const;
  // Is the locale one of UTF-8, so that all characters can be shown?
  [[nodiscard]] bool unicode() const { return unicode_; }
  // After SIGWINCH: asks the kernel for the new size.
  void resize();
  // Draws all of it again, also what another program has written over.
  void redraw();
  void show(const Grid& grid);
  // A key that was pressed; nullopt: none is waiting.
  [[nodiscard]] std::optional<Key> read_key();

 private:
  struct Screen;  // SCREEN of curses.h
  explicit CursesTerminal(std::unique_ptr<Screen> screen);
  std::unique_ptr<Screen> screen_;
  bool unicode_ = false;
  bool color_ = false;
};

}  // namespace cgwarden::cli::top
