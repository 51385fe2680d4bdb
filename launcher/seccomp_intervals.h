#pragma once

#include <linux/filter.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

// What a seccomp program does for every value of the words that it compares: intervals in place of
// its comparisons.
namespace cgwarden::launcher {

// Where the comparisons of known words end.
struct WalkEnd {
  enum class Kind : std::uint8_t { answer, step };
  Kind kind = Kind::answer;
  // SECCOMP_RET_*, or the index of a step that no known word decides: a load of another word, an
  // operation on the accumulator.
  std::uint32_t value = 0;
  auto operator<=>(const WalkEnd&) const = default;
};

// From `first` up to the next interval's; the first one of a list begins at 0, the last one ends
// at 0xffffffff.
struct WalkInterval {
  std::uint32_t first = 0;
  WalkEnd end;
  auto operator<=>(const WalkInterval&) const = default;
};
using WalkIntervals = std::vector<WalkInterval>;  // neighbours differ

struct ArchitectureInterval {
  std::uint32_t first = 0;
  WalkIntervals numbers;  // by call number
};

// Walks a program that is_complete_program(). All walks of one object together take a bounded
// number of steps; nothing when there are more, and nothing for a program that uses the accumulator
// before its first load or does anything but compare with the architecture.
class ProgramWalk {
 public:
  explicit ProgramWalk(std::span<const sock_filter> program) : program_(program) {}

  // From the start, by architecture and call number. Steps in the result that read the accumulator
  // find the call number there.
  [[nodiscard]] std::optional<std::vector<ArchitectureInterval>> from_start();
  // From the step `at`, by the accumulator, which is at most `highest`.
  [[nodiscard]] std::optional<WalkIntervals> from_step(std::size_t at, std::uint32_t highest);

 private:
  // The value of a word in one walk, and the highest value for which the walk is the same.
  struct Known {
    std::uint32_t value = 0;
    std::uint32_t same_up_to = UINT32_MAX;
  };
  struct Words {
    Known* accumulator = nullptr;
    Known* number = nullptr;
    Known* architecture = nullptr;
  };

  static bool decide(const sock_filter& comparison, Known& word);
  std::optional<WalkEnd> walk(std::size_t at, Words words);
  std::optional<WalkIntervals> numbers_of(Known& architecture);

  std::span<const sock_filter> program_;
  unsigned steps_left_ = 1U << 20U;  // the profiles of engines take 30000
};

}  // namespace cgwarden::launcher
