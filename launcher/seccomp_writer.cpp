#include "launcher/seccomp_writer.h"

#include <algorithm>

namespace cgwarden::launcher {
namespace {

// A conditional jump reaches 255 steps; writing its other target may take one of them.
constexpr std::size_t kReach = 254;

}  // namespace

BackwardWriter::Label BackwardWriter::written() {
  places_.push_back({.answer = std::nullopt, .nearest = reversed_.size() - 1});
  return places_.size() - 1;
}

BackwardWriter::Label BackwardWriter::answer(std::uint32_t value) {
  const auto [found, is_new] = answers_.try_emplace(value, places_.size());
  if (is_new) places_.push_back({.answer = value, .nearest = std::nullopt});
  return found->second;
}

void BackwardWriter::write_again(Place& place) {
  const std::size_t here = reversed_.size();
  if (place.answer) {
    reversed_.push_back({BPF_RET | BPF_K, 0, 0, *place.answer});
  } else {
    reversed_.push_back(
        {BPF_JMP | BPF_JA, 0, 0, static_cast<std::uint32_t>(here - *place.nearest - 1)});
  }
  place.nearest = here;
}

void BackwardWriter::begin_at(Label label) {
  Place& place = places_[label];
  if (!place.nearest || *place.nearest + 1 != reversed_.size()) write_again(place);
}

std::size_t BackwardWriter::near_by(Label label) {
  Place& place = places_[label];
  if (!place.nearest || reversed_.size() - *place.nearest - 1 > kReach) write_again(place);
  return *place.nearest;
}

BackwardWriter::Label BackwardWriter::jump(unsigned comparison, std::uint32_t value, Label yes,
                                           Label no) {
  if (yes == no) return yes;
  const auto code = static_cast<std::uint16_t>(BPF_JMP | BPF_K | comparison);
  const auto [found, is_new] = jumps_.try_emplace({code, value, yes, no}, 0);
  if (!is_new) return found->second;
  const std::size_t yes_at = near_by(yes);
  const std::size_t no_at = near_by(no);
  const std::size_t here = reversed_.size();
  reversed_.push_back({code, static_cast<std::uint8_t>(here - yes_at - 1),
                       static_cast<std::uint8_t>(here - no_at - 1), value});
  return found->second = written();
}

BackwardWriter::Label BackwardWriter::step(const sock_filter& step, Label next) {
  begin_at(next);
  reversed_.push_back(step);
  return written();
}

BackwardWriter::Label BackwardWriter::last_step(const sock_filter& step) {
  reversed_.push_back(step);
  return written();
}

std::vector<sock_filter> BackwardWriter::finish(Label start) {
  begin_at(start);
  return {reversed_.rbegin(), reversed_.rend()};
}

}  // namespace cgwarden::launcher
