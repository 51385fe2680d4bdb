#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

namespace cgwarden::launcher {

// A BPF program written from its end to its start. Jumps go forward only, so that all targets of a
// step are there, with their distance, when it is written.
class BackwardWriter {
 public:
  using Label = std::size_t;  // a place in the program

  // A return of `value`. Written where a jump needs one near by, as often as that.
  [[nodiscard]] Label answer(std::uint32_t value);
  // A conditional jump on the accumulator, written once however often it is asked for; `yes` itself
  // when both ways are one.
  [[nodiscard]] Label jump(unsigned comparison, std::uint32_t value, Label yes, Label no);
  // A step after which the program goes on at `next`.
  [[nodiscard]] Label step(const sock_filter& step, Label next);
  // A step that returns.
  [[nodiscard]] Label last_step(const sock_filter& step);
  // The program that begins at `start`.
  [[nodiscard]] std::vector<sock_filter> finish(Label start);

 private:
  struct Place {
    std::optional<std::uint32_t> answer;
    std::optional<std::size_t> nearest;  // itself, a copy or a jump to it
  };

  Label written();
  void write_again(Place& place);
  // What is written last is `label`, or goes there.
  void begin_at(Label label);
  // Where `label`, or what goes there, can be reached from.
  std::size_t near_by(Label label);

  std::vector<sock_filter> reversed_;
  std::vector<Place> places_;
  std::map<std::uint32_t, Label> answers_;
  std::map<std::tuple<std::uint16_t, std::uint32_t, Label, Label>, Label> jumps_;
};

}  // namespace cgwarden::launcher
