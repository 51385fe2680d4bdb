#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "diagnosis/unit_end.h"

namespace cgwarden::agent {

// What a PropertiesChanged signal of systemd says of a service: of its Service interface first,
// then of its Unit interface (src/core/dbus-unit.c send_changed_signal()). Times are
// CLOCK_MONOTONIC. Absent: not in this signal.
struct UnitProperties {
  // org.freedesktop.systemd1.Unit
  std::optional<std::string> active_state = {};
  std::optional<std::string> sub_state = {};
  std::optional<std::string> invocation = {};  // InvocationID, as bytes
  std::optional<Usec> started = {};            // InactiveExitTimestampMonotonic
  std::optional<Usec> active_exit = {};        // ActiveExitTimestampMonotonic
  std::optional<Usec> state_change = {};       // StateChangeTimestampMonotonic
  // org.freedesktop.systemd1.Service
  std::optional<std::string> result = {};
  std::optional<std::uint32_t> restarts = {};  // NRestarts
  std::optional<std::uint32_t> main_pid = {};  // ExecMainPID
  std::optional<std::int32_t> code = {};       // ExecMainCode
  std::optional<std::int32_t> status = {};     // ExecMainStatus
  std::optional<Usec> main_exit = {};          // ExecMainExitTimestampMonotonic
};

// Finds the ends and restarts of services in those signals, each once. Pure but for its memory.
class UnitTracker {
 public:
  struct Restart {
    std::string unit;
    std::string result;  // of the run before
  };
  struct News {
    std::vector<diagnosis::UnitEnd> ends;
    std::vector<Restart> restarts;
  };
  // What ended before `since` (CLOCK_MONOTONIC) is no news; `offset` is CLOCK_BOOTTIME less
  // CLOCK_MONOTONIC, which grows with each suspend.
  explicit UnitTracker(Usec since = Usec{0}) : since_(since) {}

  // False: there is no room for one more unit.
  bool update(const std::string& unit, const UnitProperties& properties, Usec offset, News& news);
  // systemd forgot it.
  void removed(const std::string& unit) { units_.erase(unit); }
  [[nodiscard]] std::size_t size() const { return units_.size(); }

 private:
  struct Unit {
    UnitProperties now;
    std::optional<std::string> told;       // the invocation whose end was told of
    std::optional<std::string> seen;       // the newest invocation
    Usec seen_change{0};                   // StateChangeTimestampMonotonic when it was seen first
    std::optional<std::uint32_t> counted;  // NRestarts
    std::string last_result = "other";
  };
  [[nodiscard]] static bool is_over(Unit& unit);
  void look(const std::string& name, Unit& unit, Usec offset, News& news) const;

  Usec since_;
  std::map<std::string, Unit> units_;
};

}  // namespace cgwarden::agent
