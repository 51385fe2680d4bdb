#pragma once

#include <systemd/sd-bus.h>

#include <memory>

namespace cgwarden::agent {

struct FreeBusMessage {
  void operator()(sd_bus_message* message) const { ::sd_bus_message_unref(message); }
};
using BusMessage = std::unique_ptr<sd_bus_message, FreeBusMessage>;

// Sends what is to be sent, and waits for it: sd_bus_flush_close_unref(3).
struct CloseBus {
  void operator()(sd_bus* bus) const { ::sd_bus_flush_close_unref(bus); }
};
using SystemBus = std::unique_ptr<sd_bus, CloseBus>;

}  // namespace cgwarden::agent
