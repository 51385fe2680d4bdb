#include "cli/top/curses_terminal.h"

#define NCURSES_NOMACROS
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <clocale>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"

namespace cgwarden::cli::top {
namespace {

// Bytes of one key come together, also through ssh; a person's Esc must not wait for long.
constexpr int kEscapeMilliseconds = 50;

short pair_of(Color color) { return static_cast<short>(color); }

attr_t attributes_of(Look look, bool color) {
  attr_t attributes = A_NORMAL;
  if (look.bold) attributes |= A_BOLD;
  if (look.dim) attributes |= A_DIM;
  if (look.reverse) attributes |= A_REVERSE;
  // What a colour would tell must still be seen.
  if (!color && look.color == Color::bad) attributes |= A_BOLD;
  return attributes;
}

bool start_colors() {
  if (!::has_colors() || ::start_color() == ERR) return false;
  // The colours of the terminal stay as they are beside ours.
  const short background = ::use_default_colors() == OK ? -1 : COLOR_BLACK;
  ::init_pair(pair_of(Color::accent), COLOR_CYAN, background);
  ::init_pair(pair_of(Color::good), COLOR_GREEN, background);
  ::init_pair(pair_of(Color::warning), COLOR_YELLOW, background);
  ::init_pair(pair_of(Color::bad), COLOR_RED, background);
  return true;
}

std::optional<Key> special_key(wint_t code) {
  using enum Key::What;
  switch (code) {
    case KEY_UP:
      return Key{up};
    case KEY_DOWN:
      return Key{down};
    case KEY_LEFT:
      return Key{left};
    case KEY_RIGHT:
      return Key{right};
    case KEY_PPAGE:
      return Key{page_up};
    case KEY_NPAGE:
      return Key{page_down};
    case KEY_HOME:
      return Key{home};
    case KEY_END:
      return Key{end};
    case KEY_ENTER:
      return Key{enter};
    case KEY_BACKSPACE:
    case KEY_DC:
      return Key{backspace};
    default:
      return std::nullopt;
  }
}

Key plain_key(wint_t symbol) {
  switch (symbol) {
    case L'\n':
    case L'\r':
      return Key{Key::What::enter};
    case 0x1B:
      return Key{Key::What::escape};
    case 0x08:
    case 0x7F:
      return Key{Key::What::backspace};
    default:
      return Key{Key::What::symbol, static_cast<char32_t>(symbol)};
  }
}

}  // namespace

struct CursesTerminal::Screen {
  explicit Screen(SCREEN* screen) : handle(screen) {}
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() {
    ::endwin();
    ::delscreen(handle);
  }
  SCREEN* handle;
};

CursesTerminal::CursesTerminal(std::unique_ptr<Screen> screen) : screen_(std::move(screen)) {}
CursesTerminal::~CursesTerminal() = default;

Result<std::unique_ptr<CursesTerminal>> CursesTerminal::open(bool color) {
  // A locale that is named but not installed is as good as the one without a name.
  if (std::setlocale(LC_CTYPE, "") == nullptr) std::setlocale(LC_CTYPE, "C.UTF-8");
  // newterm and not initscr, which ends the program when it fails.
  SCREEN* handle = ::newterm(nullptr, stdout, stdin);
  if (handle == nullptr) {
    const char* type = std::getenv("TERM");
    return fail(Error{ErrorKind::not_supported, 0, "use the terminal",
                      "TERM=" + printable(type == nullptr ? "" : type),
                      "its type is not known; set TERM, or use --batch"});
  }
  std::unique_ptr<CursesTerminal> terminal(new CursesTerminal(std::make_unique<Screen>(handle)));
  terminal->unicode_ = std::string_view(::nl_langinfo(CODESET)) == "UTF-8";
  terminal->color_ = color && start_colors();
  ::cbreak();
  ::noecho();
  ::nonl();
  ::curs_set(0);
  ::set_escdelay(kEscapeMilliseconds);
  ::keypad(stdscr, TRUE);
  ::nodelay(stdscr, TRUE);
  return terminal;
}

Size CursesTerminal::size() const {
  const int width = ::getmaxx(stdscr);
  const int height = ::getmaxy(stdscr);
  return {static_cast<std::size_t>(width > 0 ? width : 1),
          static_cast<std::size_t>(height > 0 ? height : 1)};
}

void CursesTerminal::resize() {
  winsize window{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0) return;
  if (window.ws_row > 0 && window.ws_col > 0) ::resizeterm(window.ws_row, window.ws_col);
}

void CursesTerminal::redraw() { ::clearok(stdscr, TRUE); }

void CursesTerminal::show(const Grid& grid) {
  ::werase(stdscr);
  for (std::size_t y = 0; y < grid.height(); ++y) {
    for (std::size_t x = 0; x < grid.width(); ++x) {
      const Cell& cell = grid.at(x, y);
      if (cell.tail) continue;
      const std::array<wchar_t, 2> text{static_cast<wchar_t>(cell.symbol), L'\0'};
      cchar_t symbol{};
      const short pair = color_ ? pair_of(cell.look.color) : short{0};
      if (::setcchar(&symbol, text.data(), attributes_of(cell.look, color_), pair, nullptr) ==
          ERR) {
        continue;
      }
      ::mvwadd_wch(stdscr, static_cast<int>(y), static_cast<int>(x), &symbol);
    }
  }
  ::wrefresh(stdscr);
}

std::optional<Key> CursesTerminal::read_key() {
  for (;;) {
    wint_t code = 0;
    const int got = ::wget_wch(stdscr, &code);
    if (got == ERR) return std::nullopt;
    if (got != KEY_CODE_YES) return plain_key(code);
    if (const auto key = special_key(code)) return key;
    // Another key, or its own notice of a resize: on to the next.
  }
}

}  // namespace cgwarden::cli::top
