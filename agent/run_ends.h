#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "identity/subject.h"

#include "base/units.h"
#include "diagnosis/kmsg.h"
#include "diagnosis/oom_ledger.h"
#include "diagnosis/unit_end.h"

namespace cgwarden::agent {

// A named container's cgroup ended.
struct ContainerEnd {
  identity::Subject subject;
  std::string path;
  Usec ended{0};  // CLOCK_BOOTTIME
};

// Ends of units and containers that wait until the kernel's OOM events, which are joined a few
// seconds later, can have told of them. Pure but for its memory.
class RunEnds {
 public:
  // OomLedger::kPatience, a look of its owner, and a tick.
  static constexpr Usec kWait{5'000'000};

  struct Decided {
    identity::Subject subject;
    diagnosis::UnitVerdict answer;
    std::string cgroup;  // empty: not known
    Usec ended{0};
    int code = 0;  // of a unit: as in UnitEnd
    int status = 0;
  };
  // The kernel log's OOM kills between two moments of CLOCK_BOOTTIME.
  using Records = std::function<std::vector<diagnosis::OomRecord>(Usec from, Usec to)>;

  void add(const diagnosis::OomIncident& incident);
  void ended(const identity::Subject& unit, const diagnosis::UnitEnd& end);
  void ended(const ContainerEnd& end);
  // Those that are certain by now.
  [[nodiscard]] std::vector<Decided> take(Usec now, const Records& records);

 private:
  struct Unit {
    identity::Subject subject;
    diagnosis::UnitEnd end;
  };
  std::vector<diagnosis::OomIncident> incidents_;  // of the last minutes
  std::deque<Unit> units_;
  std::deque<ContainerEnd> containers_;
};

}  // namespace cgwarden::agent
