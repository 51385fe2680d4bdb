#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/event_loop.h"
#include "base/clock.h"
#include "base/result.h"
#include "policy/plan.h"

struct sd_bus_message;

namespace cgwarden::agent {

// Writes cgroups of systemd's units by way of systemd: SetUnitProperties(runtime) of
// org.freedesktop.systemd1(5), of all knobs of a unit at once and not more often than every
// Times::apart, as each call writes a drop-in and applies all that systemd knows of the unit anew.
// What the kernel has then is for the next tick to see. A bus that is not there or hangs blocks
// nothing. On the loop's thread.
class UnitWriter {
 public:
  struct Times {
    Usec answer{10'000'000};
    Usec apart{10'000'000};
    Usec retry{5'000'000};
  };
  // systemd took the writes of one cgroup, or why it did not.
  using Done = std::function<void(const std::vector<policy::Write>& writes, const Status& status)>;
  // All must outlive it.
  [[nodiscard]] static std::unique_ptr<UnitWriter> start(EventLoop& loop, const Clock& clock,
                                                         Done done, Times times);
  UnitWriter(const UnitWriter&) = delete;
  UnitWriter& operator=(const UnitWriter&) = delete;
  ~UnitWriter();

  // `writes` are of one cgroup. False: not now; ask again at a later tick.
  [[nodiscard]] bool ask(const std::vector<policy::Write>& writes);

  // systemd has read its files anew: what it has changed by that is asked for at once.
  void reloaded();

 private:
  struct Impl;
  explicit UnitWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The same for a program that may wait: gives one cgroup of a unit these values.
[[nodiscard]] Status set_unit_properties(const std::vector<policy::Write>& writes);
// Of a unit that does not run and has no cgroup, for its next start. vanished: no such unit.
[[nodiscard]] Status set_stopped_unit_properties(const std::string& unit,
                                                 const std::vector<policy::Write>& writes);

// "org.freedesktop.systemd1.Service" of "web.service"; nullopt: no unit with a cgroup is called so.
[[nodiscard]] std::optional<std::string> interface_of_unit(const std::string& unit);

}  // namespace cgwarden::agent
