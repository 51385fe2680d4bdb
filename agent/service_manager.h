#pragma once

#include <optional>
#include <string>

#include "base/units.h"

// sd_notify(3) and the watchdog of the unit that runs us; all are no-ops outside systemd.
namespace cgwarden::agent::service_manager {

void ready(const std::string& status);
void reloading();
void stopping();
void alive();

// WatchdogSec of our unit; nullopt when there is none.
[[nodiscard]] std::optional<Usec> watchdog_interval();

}  // namespace cgwarden::agent::service_manager
