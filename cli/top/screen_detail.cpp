#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "cgroup/fields.h"
#include "cli/local_time.h"
#include "cli/top/columns.h"
#include "cli/top/glyphs.h"
#include "cli/top/screen.h"

namespace cgwarden::cli::top {
namespace {

constexpr std::size_t kLabel = 14;

// Lines from the third on, and none on the foot.
class Pen {
 public:
  explicit Pen(Grid& grid) : grid_(grid) {}

  [[nodiscard]] bool room() const { return y_ + 1 < grid_.height(); }
  void line(std::string_view label, std::string_view text, Look look = {}) {
    if (!room()) return;
    grid_.put(0, y_, label, kDimLook, kLabel - 1);
    grid_.put(kLabel, y_++, text, look);
  }
  void blank() { ++y_; }
  // Over several lines, cut at blanks.
  void paragraph(std::string_view label, std::string_view text, Look look = {}) {
    const std::size_t width = grid_.width() > kLabel ? grid_.width() - kLabel : 1;
    std::u32string rest = glyphs(text, grid_.unicode());
    while (!rest.empty() && room()) {
      std::size_t end = rest.size();
      if (cells_of(rest) > width) {
        end = std::min(width, rest.size());
        while (cells_of(rest.substr(0, end)) > width) --end;
        const std::size_t blank = rest.rfind(U' ', end);
        if (blank != std::u32string::npos && blank > 0) end = blank;
      }
      grid_.put(0, y_, label, kDimLook, kLabel - 1);
      grid_.put_symbols(kLabel, y_++, std::u32string_view(rest).substr(0, end), look, width);
      label = {};
      rest.erase(0, end);
      rest.erase(0, rest.find_first_not_of(U' '));
    }
  }
  // The newest at the right; a gap is a blank.
  void curve(const Curve& curve) {
    if (!room()) return;
    grid_.put(0, y_, curve.title, kDimLook, kLabel - 1);
    const std::string tail = fmt::format(" {} (most {})", curve.newest, curve.most);
    const std::size_t most = grid_.width() > kLabel + tail.size()
                                 ? std::min<std::size_t>(grid_.width() - kLabel - tail.size(), 120)
                                 : 0;
    const std::size_t count = std::min(curve.points.size(), most);
    double top = 0;
    for (const auto& point : curve.points) top = std::max(top, point.value_or(0));
    std::u32string bars;
    for (std::size_t i = curve.points.size() - count; i < curve.points.size(); ++i) {
      const auto& point = curve.points[i];
      bars += point ? bar(top > 0 ? *point / top : 0, grid_.unicode()) : U' ';
    }
    grid_.put_symbols(kLabel, y_, bars, {.color = Color::accent}, count);
    grid_.put(kLabel + count, y_++, tail, {});
  }

 private:
  Grid& grid_;
  std::size_t y_ = 2;
};

std::string amount(const Numbers& now, std::string_view field, bool bytes) {
  const auto value = now.at(field);
  if (!value) return "-";
  if (*value == cgroup::kNoLimit) return "max";
  return bytes ? human_bytes(Bytes{*value}) : std::to_string(*value);
}

std::string list_of(const Numbers& now, std::initializer_list<std::string_view> fields,
                    std::size_t prefix, bool bytes) {
  std::string text;
  for (const auto field : fields) {
    if (!now.at(field)) continue;
    if (!text.empty()) text += "  ";
    text += fmt::format("{} {}", field.substr(prefix), amount(now, field, bytes));
  }
  return text.empty() ? "-" : text;
}

std::string quota_text(const Numbers& now) {
  const auto quota = now.at("cpu.max.quota_usec");
  const auto period = now.at("cpu.max.period_usec");
  if (!quota || !period) return "-";
  if (*quota == cgroup::kNoLimit) return "max";
  if (*period == 0) return "-";
  return fmt::format("{:.2f} cores ({} of {} us)",
                     static_cast<double>(*quota) / static_cast<double>(*period), *quota, *period);
}

void show_identity(Pen& pen, const Row& row) {
  pen.line("name", row.name, kBoldLook);
  pen.line("cgroup", row.path);
  const identity::Identity& known = row.identity;
  std::string text(identity::to_string(known.kind));
  const auto add = [&text](std::string_view label, std::string_view value) {
    if (!value.empty()) text += fmt::format(", {} {}", label, value);
  };
  add("unit", known.unit);
  add("container", known.container);
  add("of", known.runtime);
  add("pod", known.pod);
  add("namespace", known.pod_namespace);
  add("user", known.user);
  add("image", known.image);
  pen.paragraph("is", text);
  if (!known.container_id.empty()) pen.line("container id", known.container_id);
}

void show_limits(Pen& pen, const Row& row) {
  const Numbers& now = row.now;
  pen.line("cpu.max", quota_text(now));
  pen.line("cpu", list_of(now, {"cpu.weight", "cpu.max.burst"}, 4, false));
  pen.line(
      "memory limits",
      list_of(now, {"memory.min", "memory.low", "memory.high", "memory.max", "memory.swap.max"}, 7,
              true));
  if (!row.limit_of.empty()) {
    pen.line("in force", fmt::format("{} of {}, {} % used", text_of(Column::limit, row),
                                     row.limit_of, text_of(Column::share, row)));
  }
  pen.line("pids", list_of(now, {"pids.current", "pids.peak", "pids.max"}, 5, false));
}

void show_events(Pen& pen, const Row& row) {
  const Numbers& now = row.now;
  pen.line("memory",
           list_of(now, {"memory.current", "memory.peak", "memory.swap.current"}, 7, true));
  pen.line("memory.events",
           list_of(now,
                   {"memory.events.low", "memory.events.high", "memory.events.max",
                    "memory.events.oom", "memory.events.oom_kill", "memory.events.oom_group_kill"},
                   14, false));
  pen.line("cpu.stat", list_of(now,
                               {"cpu.stat.nr_periods", "cpu.stat.nr_throttled",
                                "cpu.stat.throttled_usec", "cpu.stat.nr_bursts"},
                               9, false));
  pen.line("pids.events", list_of(now, {"pids.events.max"}, 12, false));
  pen.line("pressure",
           fmt::format("cpu {} %  memory {}/{} %  io {}/{} % (some/full)",
                       text_of(Column::cpu_some, row), text_of(Column::memory_some, row),
                       text_of(Column::memory_full, row), text_of(Column::io_some, row),
                       text_of(Column::io_full, row)));
  if (now.at("cgroup.events.frozen").value_or(0) != 0) {
    pen.line("", "it is frozen", {.color = Color::warning, .bold = true});
  }
}

}  // namespace

void draw_detail(Grid& grid, const Frame& frame, const State& state, const Surroundings& around) {
  Pen pen(grid);
  const auto row = std::ranges::find(frame.rows, state.selected, &Row::path);
  if (row == frame.rows.end()) {
    pen.line("cgroup", state.selected);
    pen.line("", "it is not there at this moment", {.color = Color::warning});
  } else {
    show_identity(pen, *row);
    if (row->verdict) {
      const LastVerdict& last = *row->verdict;
      pen.paragraph("last verdict", last.answer, kBoldLook);
      pen.line("", fmt::format("{} ({}), {}", last.word, last.confidence, wall_text(last.when)));
    }
    pen.blank();
    show_limits(pen, *row);
    pen.blank();
    show_events(pen, *row);
  }
  pen.blank();
  for (const Curve& curve : around.curves) pen.curve(curve);
  if (!around.curves_note.empty()) pen.paragraph("", around.curves_note, kDimLook);
}

}  // namespace cgwarden::cli::top
