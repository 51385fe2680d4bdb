#include "cli/top/session.h"

#include <algorithm>

#include "base/text.h"
#include "cli/local_time.h"
#include "cli/since.h"
#include "cli/top/columns.h"

namespace cgwarden::cli::top {
namespace {

constexpr Usec kJump{60'000'000};
constexpr Usec kWholeDay{86'400'000'000};

Error nothing_recorded(const std::string& what, const std::string& extent) {
  return Error{ErrorKind::vanished, 0, "show", what, extent};
}

}  // namespace

Result<Usec> parse_moment(const std::string& text, Usec now) {
  CGW_ASSIGN(const Usec time, parse_since(text, now, "-t"));
  // A date has dashes.
  const bool time_of_day = text.contains(':') && !text.contains('-');
  return time_of_day && time > now && time >= kWholeDay ? time - kWholeDay : time;
}

Session::Session(const Common& common, const TopOptions& options, const Clock& clock)
    : common_(common),
      options_(options),
      clock_(clock),
      verdicts_(agent::store_path(common.where)) {
  state_.sort = column_called(options.sort).value_or(Column::cpu);
  state_.filter = options.filter;
}

void Session::say_once(const std::string& sentence) {
  if (said_.insert(sentence).second) state_.message = sentence;
}

void Session::show(Frame frame, bool live) {
  if (const auto read = verdicts_.refresh(); !read) say_once(read.error().sentence());
  frame_ = std::move(frame);
  live_shown_ = live;
  keep_called(frame_, options_.name);
  verdicts_.put_into(frame_);
}

Status Session::go_live() {
  if (!live_) {
    CGW_ASSIGN(live_, Live::open(common_.where.cgroup_root));
  }
  show(live_->tick(clock_.now()), true);
  return {};
}

void Session::tick() {
  if (live_shown_ && live_) show(live_->tick(clock_.now()), true);
}

// Opened when it is needed: the agent may have begun in the meantime.
Result<Past*> Session::past() {
  if (!past_) {
    CGW_ASSIGN(past_, Past::open(common_.where.state_dir, common_.where.runtime_dir));
  }
  return &*past_;
}

Status Session::show_recorded(Result<std::optional<Frame>> found, bool live,
                              const std::string& otherwise) {
  if (!found) return fail(found.error());
  if (!*found) return fail(nothing_recorded(otherwise, past_->extent_text()));
  show(**std::move(found), live);
  // A day that cannot be read is missing in what is shown.
  for (const std::string& fault : past_->faults()) say_once(fault);
  return {};
}

Status Session::go_to(Usec time) {
  CGW_ASSIGN(const Past* recorded, past());
  return show_recorded(recorded->at(time), false, "what was at " + wall_text(time));
}

Result<bool> Session::go_on() {
  CGW_ASSIGN(const Past* recorded, past());
  auto found = recorded->next(frame_.time);
  if (!found) return fail(found.error());
  if (!*found) return false;
  show(**std::move(found), false);
  return true;
}

Status Session::travel(Wish wish, const std::string& text) {
  if (wish == Wish::live) return go_live();
  if (wish == Wish::jump) {
    CGW_ASSIGN(const Usec time, parse_moment(text, clock_.now().wall));
    return go_to(time);
  }
  if (live_shown_ && (wish == Wish::next || wish == Wish::minute_on)) return {};
  CGW_ASSIGN(const Past* recorded, past());
  if (wish == Wish::previous) {
    return show_recorded(recorded->previous(frame_.time), false, "an earlier tick");
  }
  if (wish == Wish::minute_back) {
    return show_recorded(recorded->at(frame_.time - std::min(frame_.time, kJump)), false,
                         "the minute before");
  }
  if (wish == Wish::minute_on) {
    const Usec before = frame_.time;
    CGW_TRY(go_to(before + kJump));
    if (frame_.time <= before) state_.message = "this is the newest recorded tick; r goes live";
    return {};
  }
  return show_recorded(recorded->next(frame_.time), false, "a later tick");
}

void Session::press(Key key, Size size) {
  const auto lines = lines_of(frame_, state_);
  settle(state_, frame_, lines, table_height(size));
  Step step = top::press(std::move(state_), key, frame_, lines);
  state_ = std::move(step.state);
  if (step.wish == Wish::quit) over_ = true;
  if (step.wish == Wish::none || step.wish == Wish::quit) return;
  if (const auto travelled = travel(step.wish, step.text); !travelled) {
    state_.message = travelled.error().sentence();
  }
}

void Session::look_up_curves() {
  const std::pair wanted(state_.selected, frame_.time);
  if (curves_of_ == wanted) return;
  curves_of_ = wanted;
  around_.curves.clear();
  const auto recorded = past();
  if (!recorded) {
    around_.curves_note = "no curves: " + recorded.error().sentence();
    return;
  }
  auto curves = (*recorded)->curves(state_.selected, frame_.time);
  if (!curves) {
    around_.curves_note = "no curves: " + curves.error().sentence();
  } else if (curves->empty()) {
    around_.curves_note = "nothing was recorded of it in these minutes";
  } else {
    around_.curves = *std::move(curves);
    around_.curves_note = "of the last " + std::to_string(kCurveMinutes) + " minutes, as recorded";
  }
}

Grid Session::screen(Size size, bool unicode) {
  const auto lines = lines_of(frame_, state_);
  settle(state_, frame_, lines, table_height(size));
  if (state_.page == Page::detail) look_up_curves();
  around_.live = live_shown_;
  around_.now = clock_.now().wall;
  return render(frame_, lines, state_, around_, size, unicode);
}

}  // namespace cgwarden::cli::top
