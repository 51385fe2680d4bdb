#include "cli/top/view_state.h"

#include <fnmatch.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <string_view>
#include <unordered_map>

#include "cgroup/snapshot.h"
#include "cli/top/columns.h"

namespace cgwarden::cli::top {
namespace {

bool same_letter(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

bool contains(std::string_view text, std::string_view part) {
  return !std::ranges::search(text, part, same_letter).empty();
}

class Listing {
 public:
  Listing(const Frame& frame, const State& state) : frame_(frame), state_(state) {}

  std::vector<Line> flat() {
    for (std::size_t i = 0; i < frame_.rows.size(); ++i) {
      if (matches(frame_.rows[i], state_.filter)) lines_.push_back({.row = i});
    }
    std::ranges::sort(lines_,
                      [this](const Line& a, const Line& b) { return before(a.row, b.row); });
    return std::move(lines_);
  }

  std::vector<Line> tree() {
    std::unordered_map<std::string_view, std::size_t> places;
    for (std::size_t i = 0; i < frame_.rows.size(); ++i) places.emplace(frame_.rows[i].path, i);
    children_.resize(frame_.rows.size());
    for (std::size_t i = 0; i < frame_.rows.size(); ++i) {
      const auto parent = places.find(cgroup::parent_path(frame_.rows[i].path));
      (parent == places.end() ? tops_ : children_[parent->second]).push_back(i);
    }
    mark_shown();
    add(tops_, 0);
    return std::move(lines_);
  }

 private:
  [[nodiscard]] bool before(std::size_t a, std::size_t b) const {
    return comes_before(frame_.rows[a], frame_.rows[b], state_.sort, state_.reverse);
  }

  // A parent may stand after its children in the order of paths ("/a-b" comes before "/a/b"), so
  // every match marks its way up.
  void mark_shown() {
    shown_.assign(frame_.rows.size(), state_.filter.empty());
    if (state_.filter.empty()) return;
    for (const std::size_t top : tops_) mark(top);
  }
  bool mark(std::size_t row) {
    bool shown = matches(frame_.rows[row], state_.filter);
    for (const std::size_t child : children_[row]) shown = mark(child) || shown;
    shown_[row] = shown;
    return shown;
  }

  void add(std::vector<std::size_t> rows, std::size_t depth) {
    std::erase_if(rows, [this](std::size_t row) { return !shown_[row]; });
    std::ranges::sort(rows, [this](std::size_t a, std::size_t b) { return before(a, b); });
    for (const std::size_t row : rows) {
      const bool filtered = !state_.filter.empty();
      const bool folded = !filtered && state_.folded.contains(frame_.rows[row].path);
      lines_.push_back({.row = row,
                        .depth = depth,
                        .has_children = !children_[row].empty(),
                        .folded = folded,
                        .context = filtered && !matches(frame_.rows[row], state_.filter)});
      if (!folded) add(children_[row], depth + 1);
    }
  }

  const Frame& frame_;
  const State& state_;
  std::vector<Line> lines_;
  std::vector<std::size_t> tops_;
  std::vector<std::vector<std::size_t>> children_;
  std::vector<bool> shown_;
};

}  // namespace

bool matches(const Row& row, const std::string& filter) {
  if (filter.empty()) return true;
  if (filter.find_first_of("*?[") != std::string::npos) {
    const auto glob = [&filter](const std::string& text) {
      return ::fnmatch(filter.c_str(), text.c_str(), FNM_CASEFOLD | FNM_NOESCAPE) == 0;
    };
    return glob(row.name) || glob(row.path);
  }
  const identity::Identity& known = row.identity;
  for (const std::string_view text :
       {std::string_view(row.name), std::string_view(row.path), std::string_view(known.unit),
        std::string_view(known.container), std::string_view(known.pod),
        std::string_view(known.pod_namespace), std::string_view(known.user),
        std::string_view(known.image), identity::to_string(known.kind)}) {
    if (contains(text, filter)) return true;
  }
  return false;
}

std::vector<Line> lines_of(const Frame& frame, const State& state) {
  Listing listing(frame, state);
  return state.tree ? listing.tree() : listing.flat();
}

std::size_t selected_line(const State& state, const Frame& frame, const std::vector<Line>& lines) {
  const auto found = std::ranges::find_if(
      lines, [&](const Line& line) { return frame.rows[line.row].path == state.selected; });
  return found == lines.end() ? 0 : static_cast<std::size_t>(found - lines.begin());
}

void settle(State& state, const Frame& frame, const std::vector<Line>& lines, std::size_t height) {
  if (lines.empty()) {
    state.first = 0;
    return;
  }
  const std::size_t at = selected_line(state, frame, lines);
  // The detail page stays with a cgroup that is not there at this moment.
  if (state.page == Page::list) state.selected = frame.rows[lines[at].row].path;
  const std::size_t shown = std::max<std::size_t>(height, 1);
  if (at < state.first) state.first = at;
  if (at >= state.first + shown) state.first = at - shown + 1;
  const std::size_t last = lines.size() > shown ? lines.size() - shown : 0;
  state.first = std::min(state.first, last);
}

}  // namespace cgwarden::cli::top
