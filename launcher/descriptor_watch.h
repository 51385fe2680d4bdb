#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "cgroup/tree.h"
#include "launcher/state.h"

namespace cgwarden::launcher {

// Counts the open descriptors of a workload's processes against their RLIMIT_NOFILE, of which the
// kernel keeps no count and writes no line: when one of them says on stderr that it has no more
// (at most once a second), and besides a second after the start, two, four, and so on up to every
// minute, as who says so is often gone at once.
class DescriptorWatch {
 public:
  // `payload`: the cgroup's path; `init`: a process there that is ours, -1 for none; `tree`
  // outlives this.
  DescriptorWatch(const cgroup::Tree& tree, std::string payload, Usec started, pid_t init);

  // What poll(2) takes.
  [[nodiscard]] int timeout_msec(Usec now) const;
  // After poll(2).
  void look_when_due(TimePoint now);
  // More of stderr has come: `fresh` is it and, before it, what may be the beginning of a word.
  void read_words(std::string_view fresh, TimePoint now);
  // The fullest process of the newest look that found any.
  [[nodiscard]] const std::optional<DescriptorUse>& newest() const { return newest_; }

 private:
  void look(TimePoint now, bool at_words);

  const cgroup::Tree& tree_;
  std::string payload_;
  pid_t init_;
  Usec interval_;
  Usec next_;
  Usec last_words_{0};
  std::optional<DescriptorUse> newest_;
};

// "Too many open files" (EMFILE), however it is spelt; not what ENFILE says, which is of the
// machine.
[[nodiscard]] bool says_too_many_open_files(std::string_view text);

// Soft RLIMIT_NOFILE of a text of /proc/PID/limits (proc(5)); nullopt: it has no such number.
[[nodiscard]] std::optional<std::uint64_t> open_files_limit(std::string_view limits);

// Open descriptors of a process; before Linux 6.2, where they are counted one by one, `budget` at
// most, which becomes less by them. nullopt: it is gone, or another's.
[[nodiscard]] std::optional<std::uint64_t> open_descriptors(pid_t pid, std::size_t& budget);

}  // namespace cgwarden::launcher
