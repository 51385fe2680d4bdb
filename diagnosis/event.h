#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/units.h"

namespace cgwarden::diagnosis {

// Names in the store, on the bus, in metrics and JSON are those of to_string: "oom_kill".
enum class EventKind : std::uint8_t {
  oom_kill,       // one decision of the kernel's OOM killer, however many processes it killed
  oom_no_victim,  // a limit was hit again and again, and the kernel found nobody to kill
  pressure,       // a PSI trigger that a policy asked for fired
  frozen,         // all processes of a cgroup stand still (cgroup.freeze)
  thawed,
  policy_write,  // a limit differed from its policy and was written, or got back what it had
  policy_drift,  // somebody else changed a limit of a policy
  policy_adapt,  // a loop of a policy decided on another limit, or would have
  death,         // a workload or a unit of systemd ended; `verdict` says how
  agent_started,
  agent_stopped,
};
[[nodiscard]] std::string_view to_string(EventKind kind);
[[nodiscard]] std::optional<EventKind> event_kind_from(std::string_view name);
[[nodiscard]] const std::vector<EventKind>& all_event_kinds();
// The MESSAGE_ID= of its journal entries (systemd.journal-fields(7)): 32 hexadecimal digits that
// never change.
[[nodiscard]] std::string_view message_id(EventKind kind);

// Something that happened on the node, whoever made the cgroup. An empty text is not known or does
// not apply.
struct Event {
  EventKind kind = EventKind::oom_kill;
  TimePoint when = {};
  std::string cgroup = {};  // its path; empty: it is not about one
  std::optional<CgroupId> id = {};
  std::string workload = {};
  std::string unit = {};
  std::string container = {};
  std::string pod = {};
  std::string pod_namespace = {};
  std::string verdict = {};  // of a death: "OOM_OWN_LIMIT"
  std::map<std::string, std::uint64_t> numbers =
      {};                 // units last: {"victims", 2}, {"rss_bytes", ...}
  std::string text = {};  // the evidence, one sentence

  // The most telling of its names: workload, container, unit, else the cgroup.
  [[nodiscard]] const std::string& subject() const;
};

inline constexpr int kEventVersion = 1;
// One JSON object with "version"; what is empty is left out. The form of the store, of the signal
// on the bus and of --json.
[[nodiscard]] std::string to_json(const Event& event);
// malformed with the reason.
[[nodiscard]] Result<Event> parse_event(const std::string& text, const std::string& where);

}  // namespace cgwarden::diagnosis
