#pragma once

#include <string>

#include "agent/unit_tracker.h"
#include "base/result.h"

struct sd_bus_message;

namespace cgwarden::agent {

// What a signal of systemd says of a service.
struct UnitSignal {
  std::string unit;  // "web.service"; empty: it is of another kind of unit
  UnitProperties properties;
};

// Reads PropertiesChanged of org.freedesktop.systemd1.Unit or .Service (systemd's
// org.freedesktop.systemd1(5)). A property of another type than documented is skipped. malformed:
// it is no such signal.
[[nodiscard]] Result<UnitSignal> read_unit_signal(sd_bus_message* message);

}  // namespace cgwarden::agent
