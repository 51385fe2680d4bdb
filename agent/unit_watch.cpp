#include "agent/unit_watch.h"

#include <sdbus-c++/sdbus-c++.h>
#include <systemd/sd-bus.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/bus_loop.h"
#include "agent/systemd_manager.h"
#include "base/log.h"

namespace cgwarden::agent {
namespace {

constexpr Usec kReconnectInterval{5'000'000};
constexpr std::chrono::seconds kUnitCallTimeout{10};
constexpr const char* kUnits = "/org/freedesktop/systemd1/unit";
constexpr std::string_view kServicePath = "_2eservice";
constexpr const char* kUnitInterface = "org.freedesktop.systemd1.Unit";
constexpr const char* kServiceInterface = "org.freedesktop.systemd1.Service";

using Variants = std::map<std::string, sdbus::Variant>;

Usec monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Usec(static_cast<std::uint64_t>(now.tv_sec) * 1'000'000U +
              static_cast<std::uint64_t>(now.tv_nsec) / 1000U);
}

// "web.service" of its object; empty for another unit.
std::string service_of(const std::string& path) {
  if (!path.ends_with(kServicePath)) return {};
  char* decoded = nullptr;
  if (::sd_bus_path_decode(path.c_str(), kUnits, &decoded) <= 0 || decoded == nullptr) return {};
  std::string name(decoded);
  std::free(decoded);
  return name;
}

template <typename T>
std::optional<T> find(const Variants& values, const char* name) {
  const auto found = values.find(name);
  if (found == values.end() || !found->second.containsValueOfType<T>()) return std::nullopt;
  return found->second.get<T>();
}

std::optional<Usec> find_time(const Variants& values, const char* name) {
  const auto value = find<std::uint64_t>(values, name);
  if (!value) return std::nullopt;
  return Usec(*value);
}

UnitProperties unit_properties(const Variants& values) {
  UnitProperties unit{.active_state = find<std::string>(values, "ActiveState"),
                      .sub_state = find<std::string>(values, "SubState"),
                      .started = find_time(values, "InactiveExitTimestampMonotonic"),
                      .active_exit = find_time(values, "ActiveExitTimestampMonotonic"),
                      .state_change = find_time(values, "StateChangeTimestampMonotonic")};
  if (const auto id = find<std::vector<std::uint8_t>>(values, "InvocationID")) {
    unit.invocation = std::string(id->begin(), id->end());
  }
  return unit;
}

UnitProperties service_properties(const Variants& values) {
  return {.result = find<std::string>(values, "Result"),
          .restarts = find<std::uint32_t>(values, "NRestarts"),
          .main_pid = find<std::uint32_t>(values, "ExecMainPID"),
          .code = find<std::int32_t>(values, "ExecMainCode"),
          .status = find<std::int32_t>(values, "ExecMainStatus"),
          .main_exit = find_time(values, "ExecMainExitTimestampMonotonic")};
}

}  // namespace

struct UnitWatch::Impl {
  Status connect();
  void disconnect();
  void lost(const Error& error);
  void retry_later();
  void subscribe();
  void changed(sdbus::Message& message);
  void oomd_signalled(sdbus::Message& message);

  EventLoop* loop = nullptr;
  const Clock* clock = nullptr;
  exporters::SelfMetrics* metrics = nullptr;
  Told told;
  OomdKilled oomd_killed;
  UnitTracker tracker;
  bool said = false;
  // In the order of their dependence: the last is destroyed first.
  std::unique_ptr<sdbus::IConnection> connection;
  std::unique_ptr<sdbus::IProxy> manager;
  std::vector<sdbus::Slot> matches;
  std::unique_ptr<BusLoop> bus;
  EventLoop::Timer retry;
};

Status UnitWatch::Impl::connect() {
  disconnect();
  const std::string from = "type='signal',sender='" + std::string(kSystemdService) + "',";
  try {
    connection = sdbus::createSystemBusConnection();
    manager = sdbus::createProxy(*connection, kSystemdService, kSystemdPath);
    manager->uponSignal("UnitRemoved")
        .onInterface(kSystemdManager)
        .call([this](const std::string& unit, const sdbus::ObjectPath&) { tracker.removed(unit); });
    manager->finishRegistration();
    for (const char* interface : {kServiceInterface, kUnitInterface}) {
      matches.push_back(connection->addMatch(
          from +
              "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',"
              "path_namespace='" +
              kUnits + "',arg0='" + interface + "'",
          [this](sdbus::Message& message) { changed(message); }));
    }
    matches.push_back(connection->addMatch(
        "type='signal',sender='org.freedesktop.oom1',interface='org.freedesktop.oom1.Manager',"
        "member='Killed'",
        [this](sdbus::Message& message) { oomd_signalled(message); }));
    // A systemd that was executed anew has forgotten who subscribed.
    matches.push_back(connection->addMatch(
        "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" +
            std::string(kSystemdService) + "'",
        [this](sdbus::Message&) { subscribe(); }));
  } catch (const sdbus::Error& error) {
    disconnect();
    return fail(from_bus(error, "follow the units of systemd on", "the system bus"));
  }
  auto attached = BusLoop::attach(*loop, *connection, [this](const Error& error) { lost(error); });
  if (!attached) {
    disconnect();
    return fail(attached.error());
  }
  bus = *std::move(attached);
  subscribe();
  return {};
}

void UnitWatch::Impl::subscribe() {
  try {
    manager->callMethodAsync("Subscribe")
        .onInterface(kSystemdManager)
        .withTimeout(kUnitCallTimeout)
        .uponReplyInvoke([this](const sdbus::Error* error) {
          const bool works = error == nullptr || error->getName().ends_with(".AlreadySubscribed");
          metrics->unit_watch(works);
          if (works) {
            said = false;
            return;
          }
          if (!std::exchange(said, true)) {
            log::warning("unit_watch_off",
                         {{"error", error->getMessage()},
                          {"effect", "deaths and restarts of units are not counted"}});
          }
          retry_later();
        });
  } catch (const sdbus::Error& error) {
    log::debug("unit_watch", {{"error", error.getMessage()}});
    retry_later();
  }
  if (bus) bus->sent();
}

void UnitWatch::Impl::disconnect() {
  bus.reset();
  matches.clear();
  manager.reset();
  connection.reset();
}

void UnitWatch::Impl::lost(const Error& error) {
  metrics->unit_watch(false);
  if (!std::exchange(said, true)) {
    log::warning("unit_watch_off", {{"error", error.sentence()},
                                    {"effect", "deaths and restarts of units are not counted"}});
  }
  retry_later();
}

void UnitWatch::Impl::retry_later() {
  // Not from inside a handler of the connection that would be destroyed by it.
  auto timer = loop->timer(kReconnectInterval, Usec{0}, [this] {
    retry = {};
    if (const Status connected = connect(); !connected) lost(connected.error());
  });
  if (timer) retry = *std::move(timer);
}

// No exception may leave a handler of a signal.
void UnitWatch::Impl::changed(sdbus::Message& message) {
  try {
    const std::string unit = service_of(message.getPath());
    if (unit.empty()) return;
    std::string interface;
    Variants values;
    message >> interface >> values;
    const UnitProperties properties =
        interface == kServiceInterface ? service_properties(values) : unit_properties(values);
    UnitTracker::News news;
    const Usec boottime = clock->now().boottime;
    const Usec monotonic = monotonic_now();
    const Usec offset = boottime > monotonic ? boottime - monotonic : Usec{0};
    if (!tracker.update(unit, properties, offset, news)) metrics->subjects_dropped(1);
    if (!news.ends.empty() || !news.restarts.empty()) told(news);
  } catch (const sdbus::Error& error) {
    log::debug("unit_signal_refused", {{"error", error.getMessage()}});
  }
}

void UnitWatch::Impl::oomd_signalled(sdbus::Message& message) {
  try {
    std::string cgroup;
    std::string reason;
    message >> cgroup >> reason;
    oomd_killed(cgroup, reason);
  } catch (const sdbus::Error& error) {
    log::debug("oomd_signal_refused", {{"error", error.getMessage()}});
  }
}

UnitWatch::UnitWatch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
UnitWatch::~UnitWatch() { impl_->disconnect(); }

std::unique_ptr<UnitWatch> UnitWatch::start(EventLoop& loop, const Clock& clock,
                                            exporters::SelfMetrics& metrics, Told told,
                                            OomdKilled oomd_killed) {
  auto impl = std::make_unique<Impl>();
  impl->loop = &loop;
  impl->clock = &clock;
  impl->metrics = &metrics;
  impl->told = std::move(told);
  impl->oomd_killed = std::move(oomd_killed);
  impl->tracker = UnitTracker(monotonic_now());
  if (const Status connected = impl->connect(); !connected) impl->lost(connected.error());
  return std::unique_ptr<UnitWatch>(new UnitWatch(std::move(impl)));
}

}  // namespace cgwarden::agent
