#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cgwarden::cgroup {

// Where a field stands in the raw record of a trace event.
struct EventField {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
  friend bool operator==(const EventField&, const EventField&) = default;
};

// A tracefs events/SYSTEM/NAME/format file (Documentation/trace/events.rst "Event formats"). The
// offsets differ between kernels and builds: only this file says them.
struct EventFormat {
  std::string name;
  std::uint32_t id = 0;
  std::map<std::string, EventField, std::less<>> fields;

  [[nodiscard]] std::optional<EventField> field(std::string_view key) const;
};

// `malformed` without a name, an ID and at least one whole field.
[[nodiscard]] Result<EventFormat> parse_event_format(std::string_view text,
                                                     const std::string& where);

}  // namespace cgwarden::cgroup
