#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/background_process.h"
#include "agent/event_loop.h"
#include "base/clock.h"
#include "base/units.h"

namespace cgwarden::agent {

// How much the upper directories hold, for /metrics: measured now and then by du(1) beside the
// loop, never more often than every ten seconds nor for more than a twentieth of the time.
class UpperUse {
 public:
  // `loop` and `clock` outlive it.
  UpperUse(EventLoop& loop, const Clock& clock, const std::string& state_dir);

  // Once per tick: measures when it is time to.
  void tick();
  // Of the last measurement; absent before the first, and for a workload without an upper.
  [[nodiscard]] std::optional<Bytes> of(const std::string& workload) const;

 private:
  void measured(int output, Usec started);

  EventLoop& loop_;
  const Clock& clock_;
  std::string directory_;
  std::map<std::string, Bytes> bytes_;
  Usec next_{0};
  BackgroundProcess du_;
};

// "BYTES<tab>DIRECTORY/NAME" a line, as `du -s --block-size=1` prints it; other lines are passed
// over.
[[nodiscard]] std::map<std::string, Bytes> parse_use(const std::string& output);

}  // namespace cgwarden::agent
