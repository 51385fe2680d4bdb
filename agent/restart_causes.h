#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"
#include "diagnosis/verdict.h"

namespace cgwarden::agent {

// Joins the restarts of a container, which its next cgroup tells, with how its run before ended,
// which a verdict tells sooner or later. Pure but for its memory. Times are of CLOCK_BOOTTIME.
class RestartCauses {
 public:
  // In the order of exporters::kContainerRestartReasons.
  enum class Cause : std::uint8_t { exit, signal, oom, unknown };
  // Restarts wait this long for their verdicts; longer than RunEnds takes for one.
  static constexpr Usec kWait{15'000'000};

  // A run in this cgroup (its path; empty: not known) ended at `ended`. What the restart that
  // waited for this is by now, if one did.
  [[nodiscard]] std::optional<Cause> died(diagnosis::VerdictClass verdict, std::string_view cgroup,
                                          Usec ended);
  // It came again in this cgroup. What that was, if its run before is told of.
  [[nodiscard]] std::optional<Cause> came_again(std::string_view cgroup, Usec now);
  // How many restarts have waited for too long: their cause is unknown.
  [[nodiscard]] std::size_t given_up(Usec now);
  [[nodiscard]] bool waits() const { return waiting_ > 0; }

 private:
  std::optional<Cause> last_;  // of a run that no other followed yet
  std::size_t waiting_ = 0;
  Usec waiting_since_{0};
  std::string newest_;  // the cgroup of the newest run
  Usec came_{0};        // and when it was seen first
};

}  // namespace cgwarden::agent
