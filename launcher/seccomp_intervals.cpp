#include "launcher/seccomp_intervals.h"

#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace cgwarden::launcher {
namespace {

void append(WalkIntervals& intervals, std::uint32_t first, const WalkEnd& end) {
  if (intervals.empty() || intervals.back().end != end) {
    intervals.push_back({first, end});
  }
}

}  // namespace

bool ProgramWalk::decide(const sock_filter& comparison, Known& word) {
  const std::uint32_t k = comparison.k;
  const auto until = [&word](std::uint32_t last) {
    word.same_up_to = std::min(word.same_up_to, last);
  };
  switch (BPF_OP(comparison.code)) {
    case BPF_JEQ:
      if (word.value == k) until(k);
      if (word.value < k) until(k - 1);
      return word.value == k;
    case BPF_JGT:
      if (word.value <= k) until(k);
      return word.value > k;
    default:
      if (word.value < k) until(k - 1);
      return word.value >= k;
  }
}

std::optional<WalkEnd> ProgramWalk::walk(std::size_t at, Words words) {
  for (; steps_left_ > 0; ++at, --steps_left_) {
    const sock_filter& step = program_[at];
    const WalkEnd here{WalkEnd::Kind::step, static_cast<std::uint32_t>(at)};
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        words.accumulator = step.k == offsetof(seccomp_data, nr)     ? words.number
                            : step.k == offsetof(seccomp_data, arch) ? words.architecture
                                                                     : nullptr;
        if (words.accumulator == nullptr) return here;
        break;
      case BPF_RET | BPF_K:
        return WalkEnd{WalkEnd::Kind::answer, step.k};
      case BPF_JMP | BPF_JA:
        at += step.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
      case BPF_JMP | BPF_JGT | BPF_K:
      case BPF_JMP | BPF_JGE | BPF_K:
        if (words.accumulator == nullptr) return std::nullopt;
        at += decide(step, *words.accumulator) ? step.jt : step.jf;
        break;
      default:
        if (words.accumulator == nullptr || words.accumulator == words.architecture) {
          return std::nullopt;
        }
        return here;
    }
  }
  return std::nullopt;
}

std::optional<WalkIntervals> ProgramWalk::numbers_of(Known& architecture) {
  WalkIntervals intervals;
  for (Known number;; number = {.value = number.same_up_to + 1}) {
    const auto end =
        walk(0, {.accumulator = nullptr, .number = &number, .architecture = &architecture});
    if (!end) return std::nullopt;
    append(intervals, number.value, *end);
    if (number.same_up_to == UINT32_MAX) return intervals;
  }
}

std::optional<std::vector<ArchitectureInterval>> ProgramWalk::from_start() {
  std::vector<ArchitectureInterval> intervals;
  for (Known architecture;; architecture = {.value = architecture.same_up_to + 1}) {
    auto numbers = numbers_of(architecture);
    if (!numbers) return std::nullopt;
    if (intervals.empty() || intervals.back().numbers != *numbers) {
      intervals.push_back({architecture.value, *std::move(numbers)});
    }
    if (architecture.same_up_to == UINT32_MAX) return intervals;
  }
}

std::optional<WalkIntervals> ProgramWalk::from_step(std::size_t at, std::uint32_t highest) {
  WalkIntervals intervals;
  for (Known word;; word = {.value = word.same_up_to + 1}) {
    const auto end = walk(at, {.accumulator = &word, .number = nullptr, .architecture = nullptr});
    if (!end) return std::nullopt;
    append(intervals, word.value, *end);
    if (word.same_up_to >= highest) return intervals;
  }
}

}  // namespace cgwarden::launcher
