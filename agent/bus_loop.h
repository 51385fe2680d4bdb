#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/event_loop.h"
#include "base/result.h"

namespace sdbus {
class Error;
class IConnection;
}  // namespace sdbus

namespace cgwarden::agent {

// Drives one D-Bus connection from the event loop: its fd, the events it waits for and its next
// timeout (sd_bus_get_fd(3), sd_bus_get_events(3), sd_bus_get_timeout(3)). sdbus-c++ runs no thread
// of its own.
class BusLoop {
 public:
  // Called once when the bus is gone; the BusLoop may be destroyed in it.
  using Lost = std::function<void(const Error& error)>;
  // Both must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<BusLoop>> attach(EventLoop& loop,
                                                               sdbus::IConnection& connection,
                                                               Lost lost);
  BusLoop(const BusLoop&) = delete;
  BusLoop& operator=(const BusLoop&) = delete;

  // After each call, reply or signal sent from outside a handler of this connection: what could not
  // be written at once, and the call's timeout, must be waited for.
  void sent();

 private:
  BusLoop(EventLoop& loop, sdbus::IConnection& connection, Lost lost)
      : loop_(loop), connection_(connection), lost_(std::move(lost)) {}
  void dispatch();
  Status arm();
  void end(const Error& error);

  EventLoop& loop_;
  sdbus::IConnection& connection_;
  Lost lost_;
  std::uint32_t events_ = 0;
  EventLoop::Watch watch_;
  EventLoop::Timer timer_;
};

// A failed call as an error of ours; the kind follows the D-Bus error name.
[[nodiscard]] Error from_bus(const sdbus::Error& error, std::string operation, std::string where);

// What may be sent as a D-Bus string: valid UTF-8 without control bytes; line ends are kept.
[[nodiscard]] std::string bus_text(std::string_view text);

}  // namespace cgwarden::agent
