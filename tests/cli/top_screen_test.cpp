// Screens as text, at the sizes people have.
#include <gmock/gmock.h>

#include "base/text.h"
#include "cli/top/columns.h"
#include "cli/top/glyphs.h"
#include "cli/top/keys.h"
#include "cli/top/screen.h"
#include "tests/cli/top_frames.h"

namespace cgwarden::cli::top {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Grid screen(const Frame& frame, State state, Size size, bool unicode = true,
            const Surroundings& around = {.live = true, .now = kWall}) {
  const auto lines = lines_of(frame, state);
  settle(state, frame, lines, table_height(size));
  return render(frame, lines, state, around, size, unicode);
}

Frame judged_frame() {
  Frame frame = busy_frame();
  for (Row& row : frame.rows) {
    if (row.path != "/cgwarden.slice/web.scope") continue;
    row.verdict = LastVerdict{"OOM_OWN_LIMIT", "proven",
                              "web was killed because it went over its own memory.max of 256.0 MiB",
                              kWall - Usec{60'000'000}};
  }
  return frame;
}

// Without the empty lines before the last one.
std::string squeezed(const Grid& grid) {
  std::string text = grid.text();
  for (std::size_t at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n")) {
    text.erase(at, 1);
  }
  return text;
}

TEST(TopScreen, EightyColumns) {
  const Grid grid = screen(judged_frame(), {}, {80, 24});
  EXPECT_EQ(split(grid.text(), '\n').size(), 25U);
  EXPECT_EQ(squeezed(grid),
            R"( LIVE  2026-01-31 12:00:00 UTC  7 of 7 cgroups
by cpu, tree
NAME                     CPU  THR%  LOST    MEM  LIMIT  MEM%  MSOME   PIDS   OOM
/                       1.50     -     -      -      -     -      -      -     -
  cgwarden.slice        0.50     -     -   120M   128M  93.8      -      -     -
    web.scope           0.50     -     -   100M   128M  78.1      -      3     -
      web               0.50  75.0  0.75   100M   128M  78.1   25.0      3     2
  system.slice          0.20     -     -   900M      -     -      -      -     -
    ssh.service         0.10     -     -   5.0M    max     -      -      -     -
    new.service            -     -     -      -      -     -      -      -     -

? help  q quit  Enter details  / filter  < > sort  v tree  t time  [ ] tick  r …
)");
}

TEST(TopScreen, WideShowsAllColumns) {
  State state;
  state.filter = "web";
  const Grid grid = screen(judged_frame(), state, {200, 50});
  EXPECT_EQ(split(grid.text(), '\n').size(), 51U);
  EXPECT_EQ(squeezed(grid),
            R"( LIVE  2026-01-31 12:00:00 UTC  4 of 7 cgroups
by cpu, tree, filter web
NAME                                                            KIND         CPU  THR%  LOST    MEM  LIMIT  MEM%  MSOME  MFULL  CSOME  CFULL IOSOME IOFULL READ/s WRIT/s   PIDS   OOM LAST VERDICT
/                                                               root        1.50     -     -      -      -     -      -      -      -      -      -      -      -      -      -     - -
  cgwarden.slice                                                slice       0.50     -     -   120M   128M  93.8      -      -      -      -      -      -      -      -      -     - -
    web.scope                                                   scope       0.50     -     -   100M   128M  78.1      -      -      -      -      -      -      -      -      3     - OOM_OWN_LIMIT
      web                                                       workload    0.50  75.0  0.75   100M   128M  78.1   25.0   10.0    100      -      -      -   2.0M      -      3     2 -

? help  q quit  Enter details  / filter  < > sort  v tree  t time  [ ] tick  r live
)");
}

TEST(TopScreen, FortyColumnsKeepWhatMatters) {
  EXPECT_EQ(screen(judged_frame(), {}, {40, 10}).text(),
            R"( LIVE  2026-01-31 12:00:00 UTC  7 of 7 …
by cpu, tree
NAME                    CPU  THR%    MEM
/                      1.50     -      -
  cgwarden.slice       0.50     -   120M
    web.scope          0.50     -   100M
      web              0.50  75.0   100M
  system.slice         0.20     -   900M
    ssh.service        0.10     -   5.0M
? help  q quit  Enter details  / filter…
)");
  // The column that is sorted by is always there.
  State state;
  state.sort = Column::oom_kill;
  EXPECT_THAT(screen(judged_frame(), state, {40, 10}).text(), HasSubstr("  OOM\n"));
}

TEST(TopScreen, NoSizeIsTooSmall) {
  for (std::size_t width = 1; width < 30; ++width) {
    for (std::size_t height = 1; height < 8; ++height) {
      for (const Page page : {Page::list, Page::detail, Page::help}) {
        State state;
        state.page = page;
        state.selected = "/cgwarden.slice/web.scope";
        const Grid grid = screen(judged_frame(), state, {width, height});
        EXPECT_EQ(split(grid.text(), '\n').size(), height + 1);
      }
    }
  }
}

TEST(TopScreen, ThePastSaysHowOldItIs) {
  const Surroundings around{.live = false, .now = kWall + Usec{603'000'000}};
  EXPECT_THAT(screen(busy_frame(), {}, {80, 5}, true, around).text(),
              StartsWith(" PAST  10 min 3 s ago 2026-01-31 12:00:00 UTC  7 of 7 cgroups\n"));
  EXPECT_EQ(age_text(Usec{59'999'999}), "59 s");
  EXPECT_EQ(age_text(Usec{3'600'000'000}), "1 h 0 min");
  EXPECT_EQ(age_text(Usec{90'000'000'000}), "1 d 1 h");
}

TEST(TopScreen, TheSecondLineIsThePromptOrTheMessage) {
  State state;
  state.message = "nothing was recorded";
  EXPECT_THAT(screen(busy_frame(), state, {80, 5}).text(), HasSubstr("\nnothing was recorded\n"));
  state.prompt = Prompt::filter;
  state.input = "we\x1b[2J";
  EXPECT_THAT(screen(busy_frame(), state, {80, 5}).text(), HasSubstr("\nfilter: we\\x1b[2J_\n"));
  state.prompt = Prompt::time;
  EXPECT_THAT(screen(busy_frame(), state, {80, 5}).text(), HasSubstr("\ngo to (10m ago, 03:12): "));
}

TEST(TopScreen, NothingToShowIsSaid) {
  State state;
  state.filter = "nobody";
  EXPECT_THAT(screen(busy_frame(), state, {80, 6}).text(),
              HasSubstr("\nthe filter finds nothing\n"));
  EXPECT_THAT(screen(framed({}), {}, {80, 6}).text(),
              HasSubstr("\nthere is no cgroup at this moment\n"));
}

// The look of the cell with the last character of `text` on line `y`.
Look look_at(const Grid& grid, std::size_t y, std::string_view text) {
  const std::string line(split(grid.text(), '\n').at(y));
  const std::size_t at = line.find(text);
  EXPECT_NE(at, std::string::npos) << line;
  return grid.at(at + text.size() - 1, y).look;
}

TEST(TopScreen, WhatHurtsIsColouredAndTheSelectedLineIsReversed) {
  State state;
  state.selected = "/system.slice";
  const Grid grid = screen(busy_frame(), state, {80, 24});
  EXPECT_EQ(look_at(grid, 6, "75.0").color, Color::bad);
  EXPECT_TRUE(look_at(grid, 6, "75.0").bold);
  EXPECT_EQ(look_at(grid, 6, "3     2").color, Color::bad) << "OOM kills";
  EXPECT_EQ(look_at(grid, 4, "93.8").color, Color::warning);
  EXPECT_EQ(look_at(grid, 6, "78.1").color, Color::plain);
  EXPECT_TRUE(look_at(grid, 7, "900M").reverse);
  EXPECT_TRUE(grid.at(79, 7).look.reverse);
  EXPECT_FALSE(look_at(grid, 6, "75.0").reverse);
  EXPECT_TRUE(look_at(grid, 2, "CPU").bold) << "sorted by it";
}

TEST(TopScreen, AFoldedRowIsMarked) {
  State state;
  state.folded.insert("/cgwarden.slice");
  EXPECT_THAT(screen(busy_frame(), state, {80, 24}).text(), HasSubstr("\n  cgwarden.slice +  "));
}

TEST(TopScreen, Details) {
  State state;
  state.page = Page::detail;
  state.selected = "/cgwarden.slice/web.scope/payload";
  Surroundings around{.live = false, .now = kWall + Usec{603'000'000}};
  around.curves = {{"CPU cores", {0.1, 0.2, std::nullopt, 0.5}, "0.50", "0.50"}};
  around.curves_note = "of the last 5 minutes, as recorded";
  Frame frame = busy_frame();
  for (Row& row : frame.rows) {
    row.verdict = LastVerdict{
        "OOM_OWN_LIMIT", "proven",
        "web was killed because it went over its own memory.max of 256.0 MiB, in the middle of it",
        kWall - Usec{60'000'000}};
  }
  EXPECT_EQ(squeezed(screen(frame, state, {80, 30}, true, around)),
            R"( PAST  10 min 3 s ago 2026-01-31 12:00:00 UTC  7 of 7 cgroups  details
by cpu, tree
name          web
cgroup        /cgwarden.slice/web.scope/payload
is            workload, unit web.scope, container web, of cgwarden
last verdict  web was killed because it went over its own memory.max of 256.0
              MiB, in the middle of it
              OOM_OWN_LIMIT (proven), 2026-01-31 11:59:00 UTC

cpu.max       -
cpu           -
memory limits max 256.0 MiB
in force      128M of /cgwarden.slice, 78.1 % used
pids          current 3

memory        current 100.0 MiB
memory.events oom_kill 2
cpu.stat      nr_periods 120  nr_throttled 55  throttled_usec 2500000
pids.events   -
pressure      cpu 100 %  memory 25.0/10.0 %  io -/- % (some/full)

CPU cores     ▂▄ █ 0.50 (most 0.50)
              of the last 5 minutes, as recorded

Esc back  [ ] tick  PgUp PgDn minute  r live
)");
  EXPECT_THAT(screen(frame, state, {80, 30}, false, around).text(),
              HasSubstr("CPU cores     .= #"));
  state.selected = "/gone";
  EXPECT_THAT(screen(frame, state, {80, 30}).text(), HasSubstr("it is not there at this moment"));
}

TEST(TopScreen, HelpHasAllKeysAndColumns) {
  State state;
  state.page = Page::help;
  for (const Size size : {Size{80, 40}, Size{200, 24}}) {
    const std::string text = screen(busy_frame(), state, size).text();
    for (const KeyHelp& help : key_help()) EXPECT_THAT(text, HasSubstr(std::string(help.meaning)));
    for (const ColumnInfo& info : columns()) {
      EXPECT_THAT(text, HasSubstr(std::string(info.meaning)));
    }
  }
}

std::string shown(std::string_view text, bool unicode = true) {
  return to_utf8(glyphs(text, unicode));
}

TEST(TopGlyphs, NothingCanDriveTheTerminal) {
  EXPECT_EQ(shown("a\x1b[2Jb\n\t\x7f"), "a\\x1b[2Jb\\x0a\\x09\\x7f");
  EXPECT_EQ(shown("a\xff\xc3"), "a\\xff\\xc3");
  // C1 controls, the right-to-left override, a zero width space, a combining mark.
  EXPECT_EQ(shown("\u009b"), "\\u{9b}");
  EXPECT_EQ(shown("x\u202ey"), "x\\u{202e}y");
  EXPECT_EQ(shown("\u200b"), "\\u{200b}");
  EXPECT_EQ(shown("e\u0301"), "e\\u{301}");
  EXPECT_EQ(shown("\u00e9\u4e2d\U0001f600"), "\u00e9\u4e2d\U0001f600");
  EXPECT_EQ(shown("\u00e9\u4e2d", false), "\\u{e9}\\u{4e2d}");
  EXPECT_EQ(shown(""), "");
}

TEST(TopGlyphs, WideCharactersTakeTwoCells) {
  EXPECT_EQ(cells_of(glyphs("a\u4e2d\U0001f600\u05d0", true)), 6U);
  Grid grid(6, 1, true);
  EXPECT_EQ(grid.put(0, 0, "\u4e2d\u4e2d\u4e2d", {}), 6U);
  EXPECT_EQ(grid.text(), "\u4e2d\u4e2d\u4e2d\n");
  EXPECT_TRUE(grid.at(1, 0).tail);
  // Half a character is none: the mark stands in its place.
  Grid cut(6, 1, true);
  EXPECT_EQ(cut.put(0, 0, "a\u4e2d\u4e2d\u4e2d", {}), 6U);
  EXPECT_EQ(cut.text(), "a\u4e2d\u4e2d\u2026\n");
  Grid odd(5, 1, true);
  EXPECT_EQ(odd.put(0, 0, "a\u4e2d\u4e2d\u4e2d", {}), 4U);
  EXPECT_EQ(odd.text(), "a\u4e2d\u2026\n");
}

TEST(TopGrid, TextIsCutAtTheSideThatSaysLess) {
  Grid grid(8, 2, false);
  grid.put(0, 0, "/a/very/long/path", {}, 8, Grid::Cut::front);
  grid.put(0, 1, "/a/very/long/path", {}, 8);
  EXPECT_EQ(grid.text(), "~ng/path\n/a/very~\n");
  grid.put_right(8, 1, "12345", {}, 5);
  EXPECT_EQ(grid.text(), "~ng/path\n/a/12345\n");
  // Outside of it nothing happens.
  EXPECT_EQ(grid.put(8, 0, "x", {}), 0U);
  EXPECT_EQ(grid.put(0, 2, "x", {}), 0U);
  grid.put_right(2, 0, "12345", {}, 5);
  grid.paint(7, {});
  EXPECT_EQ(grid.text(), "~ng/path\n/a/12345\n");
}

TEST(TopScreen, HostileNamesLeaveTheColumnsWhereTheyAre) {
  const Frame frame =
      framed({reading("/\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587\u4e2d", {},
                      {{"memory.current", kMiB}}),
              reading("/\u202e\x1b[31m\xff\x01\n", {}, {{"memory.current", kMiB}}),
              reading("/\U0001f600", {}, {{"memory.current", kMiB}})});
  for (const bool unicode : {true, false}) {
    const Grid grid = screen(frame, {}, {40, 10}, unicode);
    const std::string text = grid.text();
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, Not(HasSubstr("\u202e")));
    for (std::size_t y = 3; y < 6; ++y) {
      EXPECT_EQ(grid.at(39, y).symbol, U'M') << text;
      EXPECT_EQ(grid.at(23, y).symbol == U' ' || grid.at(23, y).tail, true) << text;
    }
  }
}

}  // namespace
}  // namespace cgwarden::cli::top
