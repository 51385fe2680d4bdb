#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/top/keys.h"
#include "cli/top/live.h"
#include "cli/top/past.h"
#include "cli/top/screen.h"
#include "cli/top/verdict_book.h"

namespace cgwarden::cli::top {

// A moment that somebody wants to look at (since.h). "23:50" soon after midnight was yesterday's.
[[nodiscard]] Result<Usec> parse_moment(const std::string& text, Usec now);

// What the person looks at and from where it comes, without a terminal. Live or past: what cannot
// be had is said in State::message, and what is shown stays.
class Session {
 public:
  Session(const Common& common, const TopOptions& options, const Clock& clock);

  // Begins in the kernel, or at a time of the recording.
  [[nodiscard]] Status go_live();
  [[nodiscard]] Status go_to(Usec time);

  // Reads the kernel again when it is what is shown.
  void tick();
  void press(Key key, Size size);
  [[nodiscard]] Grid screen(Size size, bool unicode);

  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] bool is_live() const { return live_shown_; }
  [[nodiscard]] const Frame& frame() const { return frame_; }
  [[nodiscard]] const State& state() const { return state_; }
  // What was to be said since the last call, for those without a screen; empty: nothing.
  [[nodiscard]] std::string take_message() { return std::exchange(state_.message, ""); }
  // The tick after the one that is shown, of the recording. false: there is none.
  [[nodiscard]] Result<bool> go_on();

 private:
  [[nodiscard]] Result<Past*> past();
  [[nodiscard]] Status show_recorded(Result<std::optional<Frame>> found, bool live,
                                     const std::string& otherwise);
  [[nodiscard]] Status travel(Wish wish, const std::string& text);
  void show(Frame frame, bool live);
  void say_once(const std::string& sentence);
  void look_up_curves();

  const Common& common_;
  const TopOptions& options_;
  const Clock& clock_;
  std::unique_ptr<Live> live_;
  std::optional<Past> past_;
  VerdictBook verdicts_;
  State state_;
  Frame frame_;
  bool live_shown_ = true;
  bool over_ = false;
  std::set<std::string> said_;  // what stays wrong is not said at every tick
  Surroundings around_;
  std::pair<std::string, Usec> curves_of_;  // the cgroup and the moment of around_.curves
};

}  // namespace cgwarden::cli::top
