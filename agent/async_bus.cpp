#include "agent/async_bus.h"

#include <sys/epoll.h>
#include <systemd/sd-bus.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <limits>
#include <utility>

#include "base/units.h"

namespace cgwarden::agent {
namespace {

// A flood on the bus must not keep the loop from its timers.
constexpr int kStepsPerTurn = 64;
constexpr std::uint64_t kNoTimeout = std::numeric_limits<std::uint64_t>::max();

Error bus_failed(int negative_errno, const char* operation) {
  return Error::from_errno(-negative_errno, operation, "the system bus");
}

// From now to `when` of CLOCK_MONOTONIC.
Usec until(std::uint64_t when) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::uint64_t usec = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000U +
                             static_cast<std::uint64_t>(now.tv_nsec) / 1000U;
  return Usec(when - std::min(when, usec));
}

}  // namespace

AsyncBus::AsyncBus(EventLoop& loop, Ready ready, Lost lost)
    : loop_(loop), ready_(std::move(ready)), lost_(std::move(lost)) {}

AsyncBus::~AsyncBus() {
  watch_ = {};
  // Not sd_bus_flush_close_unref(): it waits.
  if (bus_ != nullptr) ::sd_bus_close_unref(bus_);
}

Result<std::unique_ptr<AsyncBus>> AsyncBus::open(EventLoop& loop, Usec patience, Ready ready,
                                                 Lost lost) {
  std::unique_ptr<AsyncBus> made(new AsyncBus(loop, std::move(ready), std::move(lost)));
  if (const int failed = ::sd_bus_open_system(&made->bus_); failed < 0) {
    return fail(bus_failed(failed, "connect to"));
  }
  auto* self = made.get();
  CGW_ASSIGN(made->patience_, loop.timer(patience, Usec{0}, [self, patience] {
    self->end(Error{ErrorKind::busy, 0, "connect to", "the system bus",
                    "it accepted and did not answer within " + human_duration(patience)});
  }));
  CGW_TRY(made->arm());
  return made;
}

void AsyncBus::sent() {
  if (!watch_.active()) return;
  if (const Status armed = arm(); !armed) end(armed.error());
}

void AsyncBus::process() {
  for (int step = 0; step < kStepsPerTurn; ++step) {
    const int more = ::sd_bus_process(bus_, nullptr);
    if (more < 0) return end(bus_failed(more, "use"));
    if (more == 0) break;
  }
  if (const Status armed = arm(); !armed) return end(armed.error());
  if (!ready_ || ::sd_bus_is_ready(bus_) <= 0) return;
  patience_ = {};
  // The callback may destroy this object.
  const Ready ready = std::exchange(ready_, nullptr);
  ready();
}

Status AsyncBus::arm() {
  const int fd = ::sd_bus_get_fd(bus_);
  if (fd < 0) return fail(bus_failed(fd, "watch"));
  const int wanted = ::sd_bus_get_events(bus_);
  if (wanted < 0) return fail(bus_failed(wanted, "watch"));
  const auto events = static_cast<std::uint32_t>(wanted);
  if (fd != fd_) {
    CGW_ASSIGN(watch_, loop_.add(fd, events, [this](std::uint32_t) { process(); }));
    fd_ = fd;
  } else if (events != events_) {
    CGW_TRY(loop_.modify(watch_, events));
  }
  events_ = events;
  std::uint64_t when = kNoTimeout;
  if (const int failed = ::sd_bus_get_timeout(bus_, &when); failed < 0) {
    return fail(bus_failed(failed, "watch"));
  }
  timer_ = {};
  if (when == kNoTimeout) return {};
  CGW_ASSIGN(timer_, loop_.timer(until(when), Usec{0}, [this] { process(); }));
  return {};
}

void AsyncBus::end(const Error& error) {
  watch_ = {};
  timer_ = {};
  patience_ = {};
  ready_ = nullptr;
  // The callback may destroy this object; `error` is the caller's own.
  if (const Lost lost = std::exchange(lost_, nullptr)) lost(error);
}

}  // namespace cgwarden::agent
