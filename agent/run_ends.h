#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "identity/subject.h"

#include "base/units.h"
#include "diagnosis/evidence.h"
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

// Ends of units and containers, each decided once, whoever tells of it: systemd and the snapshot,
// that it ended, and the process connector, how. What each knows of one end is joined, also where
// systemd has another process for the main one than the oldest of the cgroup: systemd's is
// believed. An end of which only the first was seen waits until the kernel's OOM events, which are
// joined a few seconds later, can have told of it. Pure but for its memory.
class RunEnds {
 public:
  // OomLedger::kPatience, a look of its owner, and a tick. As long is waited for systemd's word.
  static constexpr Usec kWait{5'000'000};

  struct Decided {
    identity::Subject subject;
    std::optional<diagnosis::DeathEvidence> evidence;  // with unit_end, when both told
    std::optional<diagnosis::UnitEnd> unit;
    diagnosis::UnitVerdict answer;  // without evidence
    std::string cgroup;             // empty: not known
    bool awaits_cgroup = false;     // of a container: that its cgroup ended was not yet told
    Usec ended{0};
  };
  // The kernel log's OOM kills between two moments of CLOCK_BOOTTIME.
  using Records = std::function<std::vector<diagnosis::OomRecord>(Usec from, Usec to)>;

  // Whether systemd tells of the ends of units; else nobody waits for it.
  void systemd_tells(bool tells) { systemd_tells_ = tells; }
  void add(const diagnosis::OomIncident& incident);
  void ended(const identity::Subject& unit, const diagnosis::UnitEnd& end);
  void ended(const ContainerEnd& end);
  // Its main process died and left its cgroup empty.
  void died(const identity::Subject& subject, diagnosis::DeathEvidence evidence);
  // Its main process died and others of its cgroup live on: perhaps it goes on with them. What was
  // seen waits for whoever says that this was its end, some minutes, and is no end by itself.
  void lingers(const identity::Subject& subject, diagnosis::DeathEvidence evidence);
  // Those that are certain by now.
  [[nodiscard]] std::vector<Decided> take(Usec now, const Records& records);

 private:
  struct Unit {
    identity::Subject subject;
    diagnosis::UnitEnd end;
  };
  struct Death {
    identity::Subject subject;
    diagnosis::DeathEvidence evidence;
    bool lingers = false;
  };
  // An end that was told of, for the second source of it.
  struct Told {
    identity::Subject subject;
    pid_t main_pid = 0;
    std::string cgroup;
    bool awaits_cgroup = false;
    Usec started{0};
    Usec ended{0};
    bool by_systemd = false;
    bool by_kernel = false;
  };
  [[nodiscard]] std::deque<Death>::iterator find_death(const Unit& unit);
  [[nodiscard]] std::optional<diagnosis::DeathEvidence> death_of(const Unit& unit);
  [[nodiscard]] std::optional<diagnosis::DeathEvidence> death_of(const ContainerEnd& end);
  void take_units(Usec now, const Records& records, std::vector<Decided>& decided);
  void take_containers(Usec now, const Records& records, std::vector<Decided>& decided);
  void take_deaths(Usec now, std::vector<Decided>& decided);
  void remember(const Decided& decided);

  bool systemd_tells_ = false;
  std::vector<diagnosis::OomIncident> incidents_;  // of the last minutes
  std::deque<Unit> units_;
  std::deque<ContainerEnd> containers_;
  std::deque<Death> deaths_;
  std::deque<Told> told_;  // of the last minutes
};

}  // namespace cgwarden::agent
