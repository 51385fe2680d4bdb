#include "agent/unit_watch.h"

#include <systemd/sd-bus.h>

#include <array>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/async_bus.h"
#include "agent/systemd_manager.h"
#include "agent/unit_signal.h"
#include "base/log.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

Usec monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Usec(static_cast<std::uint64_t>(now.tv_sec) * 1'000'000U +
              static_cast<std::uint64_t>(now.tv_nsec) / 1000U);
}

Error call_failed(const sd_bus_error& error) {
  const std::string_view text = error.message != nullptr ? error.message : error.name;
  return Error{ErrorKind::io, 0, "subscribe to", "systemd on the system bus", printable(text)};
}

}  // namespace

struct UnitWatch::Impl {
  // What libsystemd calls, with the object it was given.
  template <void (Impl::*Member)(sd_bus_message*)>
  static int call(sd_bus_message* message, void* self, sd_bus_error* /*error*/) {
    (static_cast<Impl*>(self)->*Member)(message);
    return 0;
  }

  Status connect();
  void disconnect();
  void lost(const Error& error);
  void retry_later();
  void ready();
  Status match();
  void subscribe();
  void subscribed(sd_bus_message* answer);
  void changed(sd_bus_message* message);
  void removed(sd_bus_message* message);
  void systemd_moved(sd_bus_message* message);
  void oomd_signalled(sd_bus_message* message);
  void reloading(sd_bus_message* message);

  EventLoop* loop = nullptr;
  const Clock* clock = nullptr;
  exporters::SelfMetrics* metrics = nullptr;
  Told told;
  OomdKilled oomd_killed;
  Reloaded reloaded;
  Times times;
  UnitTracker tracker;
  bool said = false;
  SourceReport report{SourceState::off, "systemd has not answered yet"};
  std::unique_ptr<AsyncBus> bus;
  std::vector<sd_bus_slot*> slots;  // of its bus()
  sd_bus_slot* subscription = nullptr;
  EventLoop::Timer retry;
};

Status UnitWatch::Impl::connect() {
  disconnect();
  CGW_ASSIGN(bus, AsyncBus::open(
                      *loop, times.answer, [this] { ready(); },
                      [this](const Error& error) { lost(error); }));
  return {};
}

void UnitWatch::Impl::ready() {
  if (const Status matched = match(); !matched) return lost(matched.error());
  subscribe();
}

// Not waited for: a match that the bus refuses ends the connection (sd_bus_add_match_async(3)).
Status UnitWatch::Impl::match() {
  const std::string from = "type='signal',sender='" + std::string(kSystemdService) + "',";
  const auto properties = [&](const char* interface) {
    return from +
           "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',"
           "path_namespace='" +
           kUnitsPath + "',arg0='" + interface + "'";
  };
  struct Match {
    std::string rule;
    sd_bus_message_handler_t handler;
  };
  const auto matches = std::to_array<Match>(
      {{properties("org.freedesktop.systemd1.Service"), call<&Impl::changed>},
       {properties("org.freedesktop.systemd1.Unit"), call<&Impl::changed>},
       {from + "interface='" + kSystemdManager + "',member='UnitRemoved',path='" + kSystemdPath +
            "'",
        call<&Impl::removed>},
       {from + "interface='" + kSystemdManager + "',member='Reloading',path='" + kSystemdPath + "'",
        call<&Impl::reloading>},
       {"type='signal',sender='org.freedesktop.oom1',interface='org.freedesktop.oom1.Manager',"
        "member='Killed'",
        call<&Impl::oomd_signalled>},
       // A systemd that was executed anew has forgotten who subscribed.
       {"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" +
            std::string(kSystemdService) + "'",
        call<&Impl::systemd_moved>}});
  for (const auto& match : matches) {
    sd_bus_slot* slot = nullptr;
    const int failed = ::sd_bus_add_match_async(bus->bus(), &slot, match.rule.c_str(),
                                                match.handler, nullptr, this);
    if (failed < 0) return fail(Error::from_errno(-failed, "follow", "the units of systemd"));
    slots.push_back(slot);
  }
  return {};
}

void UnitWatch::Impl::subscribe() {
  subscription = ::sd_bus_slot_unref(subscription);
  ::sd_bus_set_method_call_timeout(bus->bus(), times.answer.count());
  const int failed =
      ::sd_bus_call_method_async(bus->bus(), &subscription, kSystemdService, kSystemdPath,
                                 kSystemdManager, "Subscribe", call<&Impl::subscribed>, this, "");
  if (failed < 0) return lost(Error::from_errno(-failed, "subscribe to", "systemd"));
  bus->sent();
}

void UnitWatch::Impl::subscribed(sd_bus_message* answer) {
  const sd_bus_error* error = ::sd_bus_message_get_error(answer);
  if (error != nullptr && !std::string_view(error->name).ends_with(".AlreadySubscribed")) {
    return lost(call_failed(*error));
  }
  // A systemd that came back has been found before the next try, which would end a connection that
  // works and miss what is told until the next one does.
  retry = {};
  metrics->unit_watch(true);
  report = {};
  said = false;
}

void UnitWatch::Impl::disconnect() {
  subscription = ::sd_bus_slot_unref(subscription);
  for (sd_bus_slot* slot : std::exchange(slots, {})) ::sd_bus_slot_unref(slot);
  bus.reset();
}

void UnitWatch::Impl::lost(const Error& error) {
  metrics->unit_watch(false);
  report = {SourceState::off,
            error.sentence() + "; tried again every " + human_duration(times.retry)};
  if (!std::exchange(said, true)) {
    log::warning("unit_watch_off", {{"error", error.sentence()},
                                    {"effect", "deaths and restarts of units are not counted"}});
  }
  retry_later();
}

void UnitWatch::Impl::retry_later() {
  // Not from inside a handler of the connection that would be destroyed by it.
  auto timer = loop->timer(times.retry, Usec{0}, [this] {
    retry = {};
    if (const Status connected = connect(); !connected) lost(connected.error());
  });
  if (timer) retry = *std::move(timer);
}

void UnitWatch::Impl::changed(sd_bus_message* message) {
  const auto signal = read_unit_signal(message);
  if (!signal) {
    log::debug("unit_signal_refused", {{"error", signal.error().sentence()}});
    return;
  }
  if (signal->unit.empty()) return;
  UnitTracker::News news;
  const Usec boottime = clock->now().boottime;
  const Usec monotonic = monotonic_now();
  const Usec offset = boottime > monotonic ? boottime - monotonic : Usec{0};
  if (!tracker.update(signal->unit, signal->properties, offset, news)) {
    metrics->subjects_dropped(1);
  }
  if (!news.ends.empty() || !news.restarts.empty()) told(news);
}

void UnitWatch::Impl::removed(sd_bus_message* message) {
  const char* unit = nullptr;
  if (::sd_bus_message_read_basic(message, 's', &unit) > 0) tracker.removed(unit);
}

void UnitWatch::Impl::oomd_signalled(sd_bus_message* message) {
  const char* cgroup = nullptr;
  const char* reason = nullptr;
  if (::sd_bus_message_read_basic(message, 's', &cgroup) <= 0 ||
      ::sd_bus_message_read_basic(message, 's', &reason) <= 0) {
    return;
  }
  if (oomd_killed) oomd_killed(cgroup, reason);
}

// True when it begins, false when it is over (org.freedesktop.systemd1(5)).
void UnitWatch::Impl::reloading(sd_bus_message* message) {
  int active = 1;
  if (::sd_bus_message_read_basic(message, 'b', &active) <= 0 || active != 0) return;
  if (reloaded) reloaded();
}

void UnitWatch::Impl::systemd_moved(sd_bus_message* /*message*/) { subscribe(); }

UnitWatch::UnitWatch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
UnitWatch::~UnitWatch() { impl_->disconnect(); }

SourceReport UnitWatch::source() const { return impl_->report; }

std::unique_ptr<UnitWatch> UnitWatch::start(EventLoop& loop, const Clock& clock,
                                            exporters::SelfMetrics& metrics, Told told, Times times,
                                            OomdKilled oomd_killed, Reloaded reloaded) {
  auto impl = std::make_unique<Impl>();
  impl->loop = &loop;
  impl->clock = &clock;
  impl->metrics = &metrics;
  impl->told = std::move(told);
  impl->oomd_killed = std::move(oomd_killed);
  impl->reloaded = std::move(reloaded);
  impl->times = times;
  impl->tracker = UnitTracker(monotonic_now());
  if (const Status connected = impl->connect(); !connected) impl->lost(connected.error());
  return std::unique_ptr<UnitWatch>(new UnitWatch(std::move(impl)));
}

}  // namespace cgwarden::agent
