#include "diagnosis/event.h"

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "base/text.h"
#include "diagnosis/strict_json.h"

namespace cgwarden::diagnosis {
namespace {

struct Row {
  EventKind kind;
  std::string_view name;
  std::string_view message_id;
};

constexpr std::array kKinds{
    Row{EventKind::oom_kill, "oom_kill", "8f08040989514bd89b1509208c4cead3"},
    Row{EventKind::oom_no_victim, "oom_no_victim", "a6aa9065dc7140eb9c847e7ffe7f7664"},
    Row{EventKind::pressure, "pressure", "721af3ea96024fe5b579dfb138e3b97d"},
    Row{EventKind::frozen, "frozen", "a2052253e6fc43ada1fa70377edd4c62"},
    Row{EventKind::thawed, "thawed", "a1b03868a93143d9a75ec685ae340b8b"},
    Row{EventKind::policy_write, "policy_write", "6942a14d51e14ccfa4ba60f86565f1c6"},
    Row{EventKind::policy_drift, "policy_drift", "c0b4fd0c5d6a4ea0a3c1fb1f5c1b7e55"},
    Row{EventKind::policy_adapt, "policy_adapt", "7c1d52e9a0f84b6f9d0a3f6be2c8417d"},
    Row{EventKind::death, "death", "5f4e5aeae6754fe9b644143cf04ddae7"},
    Row{EventKind::agent_started, "agent_started", "bfb527defc194890b7d1bfdd851177b3"},
    Row{EventKind::agent_stopped, "agent_stopped", "94a855e02a1f4b0e8aba7f218ecbb2df"},
};

const Row& row_of(EventKind kind) { return *std::ranges::find(kKinds, kind, &Row::kind); }

struct Text {
  const char* key;
  std::string Event::* member;
};

constexpr std::array kTexts{
    Text{"cgroup", &Event::cgroup},   Text{"workload", &Event::workload},
    Text{"unit", &Event::unit},       Text{"container", &Event::container},
    Text{"pod", &Event::pod},         Text{"namespace", &Event::pod_namespace},
    Text{"verdict", &Event::verdict}, Text{"text", &Event::text},
};

Event event_of(const json::Json& object) {
  Event event;
  const auto name = object.at("kind").get<std::string>();
  const auto kind = event_kind_from(name);
  if (!kind) json::refuse("unknown kind \"" + name + "\"");
  event.kind = *kind;
  event.when = json::time_of(object.at("when"));
  if (object.contains("cgroup_id")) {
    event.id = CgroupId{json::integer<std::uint64_t>(object, "cgroup_id")};
  }
  for (const auto& [key, member] : kTexts) {
    if (object.contains(key)) event.*member = object.at(key).get<std::string>();
  }
  if (!object.contains("numbers")) return event;
  const json::Json& numbers = object.at("numbers");
  if (!numbers.is_object()) json::refuse("numbers is not an object");
  for (const auto& [key, value] : numbers.items()) {
    event.numbers[key] = json::integer<std::uint64_t>(numbers, key.c_str());
  }
  return event;
}

}  // namespace

std::string_view to_string(EventKind kind) { return row_of(kind).name; }

std::optional<EventKind> event_kind_from(std::string_view name) {
  const auto* const found = std::ranges::find(kKinds, name, &Row::name);
  if (found == kKinds.end()) return std::nullopt;
  return found->kind;
}

const std::vector<EventKind>& all_event_kinds() {
  static const std::vector<EventKind> kinds = [] {
    std::vector<EventKind> made;
    for (const Row& row : kKinds) made.push_back(row.kind);
    return made;
  }();
  return kinds;
}

std::string_view message_id(EventKind kind) { return row_of(kind).message_id; }

const std::string& Event::subject() const {
  for (const auto* name : {&workload, &container, &unit}) {
    if (!name->empty()) return *name;
  }
  return cgroup;
}

std::string to_json(const Event& event) {
  json::Json object{{"version", kEventVersion},
                    {"kind", to_string(event.kind)},
                    {"when", json::to_object(event.when)}};
  if (event.id) object["cgroup_id"] = event.id->value;
  for (const auto& [key, member] : kTexts) {
    if (!(event.*member).empty()) object[key] = event.*member;
  }
  if (!event.numbers.empty()) object["numbers"] = event.numbers;
  // Hostile names may hold bytes that are not UTF-8; they are replaced, never an exception.
  return object.dump(-1, ' ', false, json::Json::error_handler_t::replace);
}

Result<Event> parse_event(const std::string& text, const std::string& where) {
  if (text.size() > limits::kStateFileBytes) {
    return fail(Error::malformed("read", where, "it is too large for an event"));
  }
  try {
    const json::Json object = json::parse_strictly(text);
    if (json::integer<int>(object, "version") != kEventVersion) {
      return fail(Error::malformed("read", where, "it is of another version of cgwarden"));
    }
    return event_of(object);
  } catch (const json::Json::exception& error) {
    // The library quotes the input, which may be long and of any bytes.
    constexpr std::size_t kReasonBytes = 200;
    return fail(Error::malformed(
        "read", where, printable(std::string_view(error.what()).substr(0, kReasonBytes))));
  }
}

}  // namespace cgwarden::diagnosis
