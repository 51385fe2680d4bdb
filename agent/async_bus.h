#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "agent/event_loop.h"
#include "base/result.h"

struct sd_bus;

namespace cgwarden::agent {

// A connection to the system bus of which no step is waited for: not the connecting, the
// authentication and the Hello either, which libsystemd does in sd_bus_process(3), and which
// sdbus-c++ waits for. A bus that accepts and never answers costs a timer. On the loop's thread;
// calls and matches on bus() are to be the ones with "async" in their name.
class AsyncBus {
 public:
  // Once, when the bus has answered Hello. The AsyncBus may be destroyed in it.
  using Ready = std::function<void()>;
  // Once, when there is no bus, it did not answer in time or went away; nothing is told after it.
  // The AsyncBus may be destroyed in it.
  using Lost = std::function<void(const Error& error)>;
  // `loop` must outlive it. Where DBUS_SYSTEM_BUS_ADDRESS points, as sd_bus_open_system(3); the
  // bus has `patience` to answer. Fails where there is none; neither is then called.
  [[nodiscard]] static Result<std::unique_ptr<AsyncBus>> open(EventLoop& loop, Usec patience,
                                                              Ready ready, Lost lost);
  AsyncBus(const AsyncBus&) = delete;
  AsyncBus& operator=(const AsyncBus&) = delete;
  // Slots of bus() must be unreferenced before.
  ~AsyncBus();

  [[nodiscard]] sd_bus* bus() const { return bus_; }
  // After each call from outside a handler of this connection, as BusLoop::sent().
  void sent();

 private:
  AsyncBus(EventLoop& loop, Ready ready, Lost lost);
  void process();
  [[nodiscard]] Status arm();
  void end(const Error& error);

  EventLoop& loop_;
  Ready ready_;
  Lost lost_;
  sd_bus* bus_ = nullptr;
  int fd_ = -1;
  std::uint32_t events_ = 0;
  EventLoop::Watch watch_;
  EventLoop::Timer timer_;
  EventLoop::Timer patience_;
};

}  // namespace cgwarden::agent
