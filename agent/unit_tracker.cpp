#include "agent/unit_tracker.h"

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

template <typename T>
void take(std::optional<T>& to, const std::optional<T>& from) {
  if (from) to = from;
}

void merge(UnitProperties& to, const UnitProperties& from) {
  take(to.active_state, from.active_state);
  take(to.sub_state, from.sub_state);
  // Also once there is no run any more.
  if (from.invocation && !from.invocation->empty()) to.invocation = from.invocation;
  take(to.started, from.started);
  take(to.active_exit, from.active_exit);
  take(to.state_change, from.state_change);
  take(to.result, from.result);
  take(to.restarts, from.restarts);
  take(to.main_pid, from.main_pid);
  take(to.code, from.code);
  take(to.status, from.status);
  take(to.main_exit, from.main_exit);
}

}  // namespace

bool UnitTracker::update(const std::string& unit, const UnitProperties& properties, Usec offset,
                         News& news) {
  auto found = units_.find(unit);
  if (found == units_.end()) {
    if (units_.size() >= limits::kWatchedUnits) return false;
    found = units_.try_emplace(unit).first;
  }
  merge(found->second.now, properties);
  // The signal of the Unit interface comes last: all is of one moment then.
  if (properties.active_state) look(unit, found->second, offset, news);
  return true;
}

// No process of this run is left. A run begins with a signal that has its invocation and still the
// state of before: "inactive".
bool UnitTracker::is_over(Unit& unit) {
  const UnitProperties& now = unit.now;
  if (!now.invocation || now.invocation->empty()) return false;
  const Usec change = now.state_change.value_or(Usec{0});
  if (unit.seen != now.invocation) {
    unit.seen = now.invocation;
    unit.seen_change = change;
  }
  const bool ended = now.active_state == "failed" || now.active_state == "inactive" ||
                     now.sub_state == "auto-restart";
  return ended && (now.main_exit.value_or(Usec{0}) > Usec{0} || change > unit.seen_change);
}

void UnitTracker::look(const std::string& name, Unit& unit, Usec offset, News& news) const {
  const UnitProperties& now = unit.now;
  if (is_over(unit) && unit.told != now.invocation) {
    unit.told = now.invocation;
    unit.last_result = now.result.value_or("other");
    // A condition that did not hold is no run.
    const bool ran = now.code.value_or(0) != 0 || unit.last_result != "exec-condition";
    if (ran && now.state_change.value_or(Usec{0}) >= since_) {
      const Usec started = now.started.value_or(Usec{0});
      const Usec main_exit = now.main_exit.value_or(Usec{0});
      const Usec active_exit = now.active_exit.value_or(Usec{0});
      const bool ended_in_this_run = main_exit >= started && main_exit > Usec{0};
      diagnosis::UnitEnd end;
      end.unit = name;
      end.result = unit.last_result;
      if (ended_in_this_run) {
        end.code = now.code.value_or(0);
        end.status = now.status.value_or(0);
        end.main_pid = static_cast<pid_t>(now.main_pid.value_or(0));
      }
      end.stopped = ended_in_this_run && active_exit >= started && active_exit < main_exit;
      end.started = started + offset;
      end.ended = (ended_in_this_run ? main_exit : *now.state_change) + offset;
      news.ends.push_back(std::move(end));
    }
  }
  if (!now.restarts) return;
  // Seen for the first time: what systemd counted before is no news.
  if (unit.counted && *now.restarts > *unit.counted) {
    for (std::uint32_t i = *unit.counted; i < *now.restarts && i - *unit.counted < 100; ++i) {
      news.restarts.push_back({name, unit.last_result});
    }
  }
  unit.counted = now.restarts;
}

}  // namespace cgwarden::agent
