#include "agent/service_manager.h"

#include <systemd/sd-daemon.h>

#include <cstdint>
#include <ctime>

namespace cgwarden::agent::service_manager {

void ready(const std::string& status) { ::sd_notifyf(0, "READY=1\nSTATUS=%s", status.c_str()); }

void reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  ::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
               static_cast<long long>(now.tv_sec) * 1000000 + now.tv_nsec / 1000);
}

void stopping() { ::sd_notify(0, "STOPPING=1"); }

void alive() { ::sd_notify(0, "WATCHDOG=1"); }

std::optional<Usec> watchdog_interval() {
  std::uint64_t usec = 0;
  if (::sd_watchdog_enabled(0, &usec) > 0 && usec > 0) return Usec(usec);
  return std::nullopt;
}

}  // namespace cgwarden::agent::service_manager
