#pragma once

#include <optional>

#include "agent/adapt_decision.h"
#include "agent/adapt_look.h"
#include "policy/adapted.h"

namespace cgwarden::agent {

// The loop that finds the quota of one cgroup. It decides only from a quota that is in force: while
// the kernel does not have yet what was wanted (systemd is slow, the budget of writes is used up,
// somebody else wrote), it waits, and at a tick after a while begins anew.
class AdaptCpu {
 public:
  struct How {
    policy::adapt::CpuTargets targets;
    bool planned = false;  // mode plan
    bool unit = false;     // systemd writes it: whole percents, and no burst
    bool operator==(const How&) const = default;
  };
  explicit AdaptCpu(const How& how) : how_(how) {}

  [[nodiscard]] const How& how() const { return how_; }
  // What it wanted was not in force the last time.
  [[nodiscard]] bool waits() const { return waits_; }
  // nullopt: nothing that is to be told.
  [[nodiscard]] std::optional<AdaptDecision> tick(const AdaptLook& look);
  void want(policy::AdaptedValue& value) const;

 private:
  using Setting = policy::simulation::CpuSetting;

  [[nodiscard]] std::optional<AdaptDecision> start(const AdaptLook& look, const Setting& now);
  [[nodiscard]] std::optional<AdaptDecision> wait(const AdaptLook& look, const Setting& now);
  [[nodiscard]] bool is_newer(const AdaptLook& look) const;
  // Growth since the last look; nullopt: it tells nothing.
  [[nodiscard]] std::optional<policy::adapt::CpuInputs> observe(const AdaptLook& look);
  [[nodiscard]] bool in_force(const AdaptLook& look, const Setting& now) const;
  // As it is written.
  [[nodiscard]] Setting shown(Setting setting) const;
  [[nodiscard]] bool is_news(const AdaptDecision& decision, double cores);

  How how_;
  std::optional<policy::adapt::CpuController> controller_;
  std::optional<Setting> wanted_;
  bool has_burst_ = false;
  std::optional<AdaptCounters> before_;
  bool waits_ = false;
  std::optional<Usec> waits_since_;  // the first tick that saw it
  Usec planned_at_{0};
  std::string_view told_;  // the last reason
  double told_cores_ = 0;
};

}  // namespace cgwarden::agent
