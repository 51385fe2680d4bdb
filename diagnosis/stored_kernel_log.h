#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/units.h"
#include "diagnosis/kmsg.h"

// The kernel log as the store keeps it: what the kernel itself wrote (facility 0), and what of it
// is missing. A line is known by its boot, its sequence number and printk's own time.
namespace cgwarden::diagnosis {

struct KernelLogLine {
  std::uint64_t sequence = 0;
  Usec printk{0};  // KmsgRecord::boottime
  TimePoint when;  // the same moment on CLOCK_BOOTTIME and on the wall clock, as they were then
  unsigned priority = 6;
  bool continuation = false;
  std::string text;  // unescaped
};

// Lines that are not stored: before they were read they had been overwritten, or so many came that
// not all were kept.
struct StoredKernelLogGap {
  enum class Reason { overwritten, dropped };
  Reason reason = Reason::overwritten;
  KmsgGap gap;
  Usec wall{0};  // of gap.to
};

// Of one boot, oldest first.
struct StoredKernelLog {
  std::vector<KernelLogLine> lines;
  std::vector<StoredKernelLogGap> gaps;
  // The newest record of /dev/kmsg that was read, stored or not. Absent: none was.
  std::optional<std::uint64_t> last_sequence;
};

// Does it name an OOM kill: whose victim and limit it was? Such lines are kept apart, so that no
// flood of others costs them.
[[nodiscard]] bool names_a_kill(std::string_view text);

}  // namespace cgwarden::diagnosis
