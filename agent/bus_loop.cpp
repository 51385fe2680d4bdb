#include "agent/bus_loop.h"

#include <sdbus-c++/sdbus-c++.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace cgwarden::agent {
namespace {

// A flood on the bus must not keep the loop from its timers.
constexpr int kMessagesPerTurn = 64;

}  // namespace

Result<std::unique_ptr<BusLoop>> BusLoop::attach(EventLoop& loop, sdbus::IConnection& connection,
                                                 Lost lost) {
  std::unique_ptr<BusLoop> bus(new BusLoop(loop, connection, std::move(lost)));
  try {
    const auto poll_data = connection.getEventLoopPollData();
    bus->events_ = static_cast<std::uint32_t>(poll_data.events);
    CGW_ASSIGN(bus->watch_, loop.add(poll_data.fd, bus->events_,
                                     [raw = bus.get()](std::uint32_t) { raw->dispatch(); }));
  } catch (const sdbus::Error& error) {
    return fail(from_bus(error, "watch", "the system bus"));
  }
  CGW_TRY(bus->arm());
  return bus;
}

void BusLoop::sent() {
  if (!watch_.active()) return;
  // A bus that went away is noticed in dispatch(): its fd is readable then.
  if (const Status armed = arm(); !armed) end(armed.error());
}

void BusLoop::dispatch() {
  try {
    for (int i = 0; i < kMessagesPerTurn && connection_.processPendingRequest(); ++i) {
    }
  } catch (const sdbus::Error& error) {
    return end(from_bus(error, "use", "the system bus"));
  }
  if (const Status armed = arm(); !armed) end(armed.error());
}

Status BusLoop::arm() {
  try {
    const auto poll_data = connection_.getEventLoopPollData();
    const auto events = static_cast<std::uint32_t>(poll_data.events);
    if (events != events_) {
      CGW_TRY(loop_.modify(watch_, events));
      events_ = events;
    }
    const auto timeout = poll_data.getRelativeTimeout();
    if (!timeout) {
      timer_ = {};
      return {};
    }
    const auto delay = std::max<std::int64_t>(timeout->count(), 0);
    CGW_ASSIGN(timer_, loop_.timer(Usec(static_cast<std::uint64_t>(delay)), Usec{0},
                                   [this] { dispatch(); }));
  } catch (const sdbus::Error& error) {
    return fail(from_bus(error, "use", "the system bus"));
  }
  return {};
}

void BusLoop::end(const Error& error) {
  watch_ = {};
  timer_ = {};
  // The callback may destroy this object.
  if (const Lost lost = std::exchange(lost_, nullptr)) lost(error);
}

Error from_bus(const sdbus::Error& error, std::string operation, std::string where) {
  const std::string& name = error.getName();
  ErrorKind kind = ErrorKind::io;
  if (name.ends_with(".AccessDenied") || name.ends_with(".InteractiveAuthorizationRequired")) {
    kind = ErrorKind::not_permitted;
  } else if (name.ends_with(".NoSuchUnit") || name.ends_with(".ServiceUnknown") ||
             name.ends_with(".NameHasNoOwner")) {
    kind = ErrorKind::vanished;
  } else if (name.ends_with(".UnitExists") || name.ends_with(".FileExists")) {
    kind = ErrorKind::busy;
  } else if (name.ends_with(".InvalidArgs")) {
    kind = ErrorKind::invalid;
  } else if (name.ends_with(".FileNotFound") || name.ends_with(".NoServer")) {
    kind = ErrorKind::not_supported;
  }
  const std::string message = printable(error.getMessage());
  return Error{kind, 0, std::move(operation), std::move(where),
               message.empty() ? printable(name) : message};
}

std::string bus_text(std::string_view text) {
  std::string out;
  for (const auto line : split(text, '\n')) {
    if (!out.empty() || line.data() != text.data()) out += '\n';
    out += printable(line);
  }
  return out;
}

}  // namespace cgwarden::agent
