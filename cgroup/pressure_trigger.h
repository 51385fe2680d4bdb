#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "base/units.h"
#include "cgroup/tree.h"

namespace cgwarden::cgroup {

// What a PSI trigger waits for (Documentation/accounting/psi.rst "Monitoring for pressure
// thresholds").
struct PressureThreshold {
  std::string resource;  // "cpu", "memory" or "io"
  std::string line;      // "some" or "full"
  Usec stall{0};         // above 0, at most the window
  Usec window{0};        // 500 ms to 10 s; without CAP_SYS_RESOURCE only multiples of 2 s
  auto operator<=>(const PressureThreshold&) const = default;
};

// An open PSI trigger: its fd polls as POLLPRI, at most once per window, when the tasks of the
// cgroup were stalled for longer than the threshold within a window. Ends with the fd, for which
// close(2) takes some 10 ms. Removal of the cgroup polls as POLLERR.
class PressureTrigger {
 public:
  // vanished; not_supported where PSI is switched off; invalid where the kernel refuses the
  // numbers.
  [[nodiscard]] static Result<PressureTrigger> open(const Tree& tree, std::string_view path,
                                                    const PressureThreshold& threshold);
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] UniqueFd release() && { return std::move(fd_); }

 private:
  explicit PressureTrigger(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace cgwarden::cgroup
