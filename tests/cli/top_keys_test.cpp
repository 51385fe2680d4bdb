#include <gmock/gmock.h>

#include "cli/top/keys.h"
#include "tests/cli/top_frames.h"

namespace cgwarden::cli::top {
namespace {

using testing::ElementsAre;

// What the person sees after some keys.
class View {
 public:
  explicit View(Frame frame = busy_frame()) : frame(std::move(frame)) { settle_now(); }

  Wish press(Key key) {
    settle_now();
    Step step = top::press(state, key, frame, lines);
    state = std::move(step.state);
    text = std::move(step.text);
    settle_now();
    return step.wish;
  }
  Wish press(Key::What what) { return press(Key{what}); }
  Wish type(std::u32string_view symbols) {
    Wish wish = Wish::none;
    for (const char32_t symbol : symbols) wish = press(Key{Key::What::symbol, symbol});
    return wish;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Line& line : lines) {
      all.push_back(std::string(line.depth, ' ') + frame.rows[line.row].name);
    }
    return all;
  }

  Frame frame;
  State state;
  std::vector<Line> lines;
  std::string text;
  std::size_t height = 3;

 private:
  void settle_now() {
    lines = lines_of(frame, state);
    settle(state, frame, lines, height);
  }
};

TEST(TopLines, SiblingsAreSortedInTheTree) {
  View view;
  EXPECT_THAT(view.names(), ElementsAre("/", " cgwarden.slice", "  web.scope", "   web",
                                        " system.slice", "  ssh.service", "  new.service"));
  view.type(U"M");
  EXPECT_THAT(view.names(), ElementsAre("/", " system.slice", "  ssh.service", "  new.service",
                                        " cgwarden.slice", "  web.scope", "   web"));
}

TEST(TopLines, AChildBelongsToItsParentWhateverStandsBetween) {
  const Frame frame = framed({reading("/a", {}, {}), reading("/a-b", {}, {}),
                              reading("/a/c", {}, {}), reading("/lost/child", {}, {})});
  State state;
  state.sort = Column::name;
  std::vector<std::string> shown;
  for (const Line& line : lines_of(frame, state)) {
    shown.push_back(std::to_string(line.depth) + frame.rows[line.row].path);
  }
  EXPECT_THAT(shown, ElementsAre("0/a", "1/a/c", "0/a-b", "0/lost/child"));
}

TEST(TopLines, AFilterKeepsTheWayToWhatItFinds) {
  View view;
  view.state.folded.insert("/cgwarden.slice");
  view.type(U"/PAYLOAD");
  EXPECT_EQ(view.lines.size(), 5U) << "it is taken with Enter";
  view.press(Key::What::enter);
  EXPECT_THAT(view.names(), ElementsAre("/", " cgwarden.slice", "  web.scope", "   web"));
  EXPECT_TRUE(view.lines[0].context);
  EXPECT_FALSE(view.lines[3].context);
  view.type(U"v");
  EXPECT_THAT(view.names(), ElementsAre("web"));
  view.press(Key::What::escape);
  EXPECT_EQ(view.lines.size(), 7U);
}

TEST(TopLines, AFilterIsAPartOrAGlob) {
  const Frame frame = busy_frame();
  const Row& ssh = row_at(frame, "/system.slice/ssh.service");
  for (const auto* filter : {"", "SSH", "service", "system.slice/s", "ssh.*", "*.SERVICE",
                             "/system.slice/*", "ss?.service", "[rs]sh.service"}) {
    EXPECT_TRUE(matches(ssh, filter)) << filter;
  }
  for (const auto* filter : {"sshd", "ssh?", "*.slice", "[", "web"}) {
    EXPECT_FALSE(matches(ssh, filter)) << filter;
  }
}

TEST(TopKeys, TheSelectionStaysOnItsRowAndOnTheScreen) {
  View view;
  EXPECT_EQ(view.state.selected, "/");
  view.type(U"jj");
  EXPECT_EQ(view.state.selected, "/cgwarden.slice/web.scope");
  view.type(U"M");
  EXPECT_EQ(view.state.selected, "/cgwarden.slice/web.scope");
  EXPECT_EQ(view.state.first, 3U);
  view.press(Key::What::end);
  EXPECT_EQ(view.state.first, 4U);
  view.type(U"J");
  EXPECT_EQ(view.state.selected, "/cgwarden.slice/web.scope/payload");
  view.press(Key::What::home);
  EXPECT_EQ(view.state.selected, "/");
  EXPECT_EQ(view.state.first, 0U);
  view.press(Key::What::up);
  view.type(U"K");
  EXPECT_EQ(view.state.selected, "/");
}

TEST(TopKeys, ARowThatIsGoneLeavesTheSelectionToTheFirst) {
  View view;
  view.press(Key::What::end);
  std::erase_if(view.frame.rows, [&](const Row& row) { return row.path == view.state.selected; });
  view.type(U"i");
  EXPECT_EQ(view.state.selected, "/");
  view.frame.rows.clear();
  EXPECT_EQ(view.type(U"jkfF"), Wish::none);
  view.press(Key::What::end);
  view.press(Key::What::enter);
  EXPECT_EQ(view.state.page, Page::list) << "there is nothing to look at";
}

TEST(TopKeys, Folding) {
  View view;
  view.type(U"jf");
  EXPECT_THAT(view.names(), ElementsAre("/", " cgwarden.slice", " system.slice", "  ssh.service",
                                        "  new.service"));
  EXPECT_TRUE(view.lines[1].folded);
  view.type(U"f");
  EXPECT_EQ(view.lines.size(), 7U);
  view.type(U"F");
  EXPECT_THAT(view.names(), ElementsAre("/", " cgwarden.slice", " system.slice"));
  view.type(U"F");
  EXPECT_EQ(view.lines.size(), 7U);
  view.press(Key::What::end);
  view.type(U"f");
  EXPECT_TRUE(view.state.folded.empty()) << "it has no children";
}

TEST(TopKeys, Sorting) {
  View view;
  view.type(U">");
  EXPECT_EQ(view.state.sort, Column::throttled);
  view.type(U"<<<<");
  EXPECT_EQ(view.state.sort, Column::verdict) << "round the corner";
  view.type(U"C");
  EXPECT_FALSE(view.state.reverse);
  view.type(U"C");
  EXPECT_TRUE(view.state.reverse) << "the same again turns the order round";
  view.type(U"M");
  EXPECT_FALSE(view.state.reverse);
  view.type(U"Hi");
  EXPECT_EQ(view.state.sort, Column::throttled);
  EXPECT_TRUE(view.state.reverse);
}

TEST(TopKeys, PagesAndBack) {
  View view;
  view.type(U"j");
  view.press(Key::What::enter);
  EXPECT_EQ(view.state.page, Page::detail);
  EXPECT_EQ(view.type(U"q"), Wish::none);
  EXPECT_EQ(view.state.page, Page::list);
  view.type(U"?");
  EXPECT_EQ(view.state.page, Page::help);
  view.press(Key::What::escape);
  EXPECT_EQ(view.state.page, Page::list);
  EXPECT_EQ(view.type(U"q"), Wish::quit);
}

TEST(TopKeys, ThroughTime) {
  View view;
  const std::vector<std::pair<Key, Wish>> table{
      {{Key::What::left}, Wish::previous},       {{Key::What::symbol, U'['}, Wish::previous},
      {{Key::What::right}, Wish::next},          {{Key::What::symbol, U']'}, Wish::next},
      {{Key::What::page_up}, Wish::minute_back}, {{Key::What::page_down}, Wish::minute_on},
      {{Key::What::symbol, U'r'}, Wish::live},   {{Key::What::symbol, U' '}, Wish::live},
  };
  for (const Page page : {Page::list, Page::detail}) {
    for (const auto& [key, wish] : table) {
      view.state.page = page;
      EXPECT_EQ(view.press(key), wish);
      EXPECT_EQ(view.state.page, page);
    }
  }
  EXPECT_EQ(view.type(U"t10m ago"), Wish::none);
  EXPECT_EQ(view.state.input, "10m ago") << "a blank in the prompt is a blank";
  EXPECT_EQ(view.press(Key::What::enter), Wish::jump);
  EXPECT_EQ(view.text, "10m ago");
  EXPECT_EQ(view.state.prompt, Prompt::none);
  view.type(U"t");
  EXPECT_EQ(view.press(Key::What::enter), Wish::none) << "no time, no jump";
}

TEST(TopKeys, APromptTakesLettersAndNothingElse) {
  View view;
  view.type(U"/q\x1b\x01\u202e");
  EXPECT_EQ(view.state.input, "q");
  view.type(U"\u00e9\u4e2d");
  EXPECT_EQ(view.state.input, "q\xc3\xa9\xe4\xb8\xad");
  view.press(Key::What::backspace);
  EXPECT_EQ(view.state.input, "q\xc3\xa9");
  for (int i = 0; i < 9; ++i) view.press(Key::What::backspace);
  EXPECT_EQ(view.state.input, "");
  view.type(std::u32string(1000, U'a'));
  EXPECT_LE(view.state.input.size(), 200U);
  EXPECT_EQ(view.press(Key::What::page_up), Wish::none);
  view.press(Key::What::escape);
  EXPECT_EQ(view.state.prompt, Prompt::none);
  EXPECT_EQ(view.state.filter, "");
}

TEST(TopKeys, AMessageLastsUntilTheNextKey) {
  View view;
  view.state.message = "nothing was recorded";
  view.type(U"j");
  EXPECT_EQ(view.state.message, "");
}

}  // namespace
}  // namespace cgwarden::cli::top
