#include "launcher/seccomp_compact.h"

#include <linux/seccomp.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <ranges>
#include <set>
#include <span>
#include <utility>

#include "launcher/seccomp_cache.h"
#include "launcher/seccomp_intervals.h"
#include "launcher/seccomp_search.h"
#include "launcher/seccomp_writer.h"

namespace cgwarden::launcher {
namespace {

using Label = BackwardWriter::Label;

constexpr std::uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr std::uint16_t kAnd = BPF_ALU | BPF_AND | BPF_K;
constexpr std::uint16_t kTestBits = BPF_JMP | BPF_JSET | BPF_K;

// A place in the new program.
struct Target {
  Label label = 0;
  bool reads = false;  // the accumulator: what stands before may not be left out
};

// The steps that no call number decides stay, and what follows each of them becomes a search again.
class Compactor {
 public:
  explicit Compactor(std::span<const sock_filter> program) : program_(program), walk_(program) {}

  std::optional<std::vector<sock_filter>> run();

 private:
  void need(const WalkIntervals& intervals);
  bool walk_on_from(std::size_t at);
  bool walk_all();
  Target target(const WalkEnd& end);
  Target search(const WalkIntervals& intervals);
  Target step_before(const sock_filter& step, Target next);
  Target write_step(std::size_t at);
  Label write_start();

  std::span<const sock_filter> program_;
  ProgramWalk walk_;
  BackwardWriter writer_;
  std::vector<ArchitectureInterval> start_;
  std::set<std::size_t> steps_;  // that stay
  // By the step that stays and the one with which it goes on: a mask bounds what is found there.
  std::map<std::pair<std::size_t, std::size_t>, WalkIntervals> after_;
  std::map<std::size_t, Target> written_;
};

void Compactor::need(const WalkIntervals& intervals) {
  for (const auto& interval : intervals) {
    if (interval.end.kind == WalkEnd::Kind::step) steps_.insert(interval.end.value);
  }
}

bool Compactor::walk_on_from(std::size_t at) {
  const sock_filter& step = program_[at];
  std::vector<std::size_t> next;
  if (step.code == kTestBits) {
    next = {at + 1 + step.jt, at + 1 + step.jf};
  } else if (BPF_CLASS(step.code) != BPF_RET) {
    next = {at + 1};
  }
  for (const std::size_t begin : next) {
    // No value beyond a mask comes out of it: a comparison of nothing with nothing, as libseccomp
    // writes them, is decided.
    auto intervals = walk_.from_step(begin, step.code == kAnd ? step.k : UINT32_MAX);
    if (!intervals) return false;
    need(*intervals);
    after_.insert_or_assign({at, begin}, *std::move(intervals));
  }
  return true;
}

bool Compactor::walk_all() {
  auto start = walk_.from_start();
  if (!start) return false;
  start_ = *std::move(start);
  for (const auto& architecture : start_) need(architecture.numbers);
  // Jumps go forward only: what a step needs is behind it, and its turn comes.
  for (const std::size_t at : steps_) {
    if (!walk_on_from(at)) return false;
  }
  return true;
}

Target Compactor::target(const WalkEnd& end) {
  if (end.kind == WalkEnd::Kind::step) return written_.at(end.value);
  return {.label = writer_.answer(end.value), .reads = false};
}

Target Compactor::search(const WalkIntervals& intervals) {
  std::vector<LabelInterval> labels;
  bool reads = false;
  for (const auto& interval : intervals) {
    const Target there = target(interval.end);
    reads = reads || there.reads;
    if (labels.empty() || labels.back().label != there.label) {
      labels.push_back({interval.first, there.label});
    }
  }
  return {.label = write_search(writer_, labels), .reads = reads || labels.size() > 1};
}

Target Compactor::step_before(const sock_filter& step, Target next) {
  if (!next.reads) return next;
  return {.label = writer_.step(step, next.label), .reads = step.code != kLoad};
}

Target Compactor::write_step(std::size_t at) {
  const sock_filter& step = program_[at];
  if (BPF_CLASS(step.code) == BPF_RET) return {.label = writer_.last_step(step), .reads = true};
  if (step.code != kTestBits) return step_before(step, search(after_.at({at, at + 1})));
  const Target yes = search(after_.at({at, at + 1 + step.jt}));
  const Target no = search(after_.at({at, at + 1 + step.jf}));
  return {.label = writer_.jump(BPF_JSET, step.k, yes.label, no.label),
          .reads = yes.reads || no.reads || yes.label != no.label};
}

Label Compactor::write_start() {
  constexpr sock_filter kLoadNumber{kLoad, 0, 0, offsetof(seccomp_data, nr)};
  constexpr sock_filter kLoadArchitecture{kLoad, 0, 0, offsetof(seccomp_data, arch)};
  std::vector<LabelInterval> architectures;
  std::map<WalkIntervals, Label> known;
  for (const auto& [first, numbers] : start_) {
    const auto [found, is_new] = known.try_emplace(numbers, 0);
    if (is_new) found->second = step_before(kLoadNumber, search(numbers)).label;
    if (architectures.empty() || architectures.back().label != found->second) {
      architectures.push_back({first, found->second});
    }
  }
  const Label search = write_search(writer_, architectures);
  return architectures.size() == 1 ? search : writer_.step(kLoadArchitecture, search);
}

std::optional<std::vector<sock_filter>> Compactor::run() {
  if (!walk_all()) return std::nullopt;
  for (const std::size_t at : steps_ | std::views::reverse) written_[at] = write_step(at);
  const Label start = write_start();
  return writer_.finish(start);
}

}  // namespace

std::vector<sock_filter> compact_program(std::vector<sock_filter> program) {
  if (!is_complete_program(program)) return program;
  auto shorter = Compactor(program).run();
  if (!shorter || shorter->size() >= program.size() || !is_complete_program(*shorter)) {
    return program;
  }
  return *std::move(shorter);
}

}  // namespace cgwarden::launcher
