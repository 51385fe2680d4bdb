#include "launcher/scope_bus.h"

#include <poll.h>
#include <sdbus-c++/sdbus-c++.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "launcher/systemd_version.h"

namespace cgwarden::launcher {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kUnit = "org.freedesktop.systemd1.Unit";
constexpr const char* kScope = "org.freedesktop.systemd1.Scope";
constexpr const char* kNoSuchUnit = "org.freedesktop.systemd1.NoSuchUnit";
constexpr const char* kUnitExists = "org.freedesktop.systemd1.UnitExists";
// systemd answers in milliseconds; a machine that boots or swaps needs longer.
constexpr std::chrono::seconds kCallTimeout{30};
constexpr std::chrono::seconds kJobTimeout{60};
// A scope whose last process is gone is deactivating for a moment and still has its name.
constexpr std::chrono::milliseconds kRetryInterval{100};
constexpr int kRetries = 50;

using Property = sdbus::Struct<std::string, sdbus::Variant>;
using Auxiliary = std::vector<sdbus::Struct<std::string, std::vector<Property>>>;

// Not an sdbus::Error: systemd did answer, with a refusal of its own.
struct Refusal {
  std::string text;
};

class Manager {
 public:
  explicit Manager(bool user);
  [[nodiscard]] std::string start(const ScopeRequest& request);
  void stop(const std::string& unit);
  void set(const ScopeRequest& request);

 private:
  [[nodiscard]] std::string start_unit(const ScopeRequest& request);
  [[nodiscard]] sdbus::ObjectPath start_job(const ScopeRequest& request,
                                            const std::vector<UnitProperty>& known);
  void with_known(const std::vector<UnitProperty>& properties,
                  const std::function<void(const std::vector<UnitProperty>&)>& call);
  void wait_for(const std::string& job, const std::string& unit);
  void wait_for_signal(Clock::time_point deadline);
  void reset_failed(const std::string& unit);
  // Empty when there is no such unit.
  [[nodiscard]] std::string property(const std::string& unit, const char* interface,
                                     const std::string& name);

  std::unique_ptr<sdbus::IConnection> connection_;
  std::unique_ptr<sdbus::IProxy> proxy_;
  std::map<std::string, std::string> ended_;  // job -> result
};

Manager::Manager(bool user)
    : connection_(user ? sdbus::createSessionBusConnection() : sdbus::createSystemBusConnection()),
      proxy_(sdbus::createProxy(*connection_, kService, kPath)) {
  // Before any job exists: a scope's job may end before the call that made it is answered.
  proxy_->uponSignal("JobRemoved")
      .onInterface(kManager)
      .call([this](std::uint32_t /*id*/, const sdbus::ObjectPath& job, const std::string& /*unit*/,
                   const std::string& result) { ended_[job] = result; });
  proxy_->finishRegistration();
  proxy_->callMethod("Subscribe").onInterface(kManager).withTimeout(kCallTimeout);
}

void Manager::wait_for_signal(Clock::time_point deadline) {
  if (connection_->processPendingRequest()) return;
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  const auto poll_data = connection_->getEventLoopPollData();
  pollfd one{poll_data.fd, poll_data.events, 0};
  (void)::poll(&one, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
}

void Manager::wait_for(const std::string& job, const std::string& unit) {
  const auto deadline = Clock::now() + kJobTimeout;
  while (!ended_.contains(job)) {
    if (Clock::now() >= deadline) {
      throw Refusal{"the job of " + unit + " did not end in 60 seconds"};
    }
    wait_for_signal(deadline);
  }
  const std::string& result = ended_[job];
  if (result != "done") throw Refusal{"the job of " + unit + " ended as '" + result + "'"};
}

sdbus::Variant variant_of(const UnitValue& value) {
  return std::visit([](const auto& plain) { return sdbus::Variant(plain); }, value);
}

std::vector<Property> bus_properties(const std::vector<UnitProperty>& properties) {
  std::vector<Property> converted;
  for (const UnitProperty& property : properties) {
    converted.push_back(sdbus::make_struct(property.name, variant_of(property.value)));
  }
  return converted;
}

// Older versions refuse a call because of one property that they do not know, or of a value.
bool may_be_too_new(const sdbus::Error& error) {
  return error.getName() == "org.freedesktop.DBus.Error.PropertyReadOnly" ||
         error.getName() == "org.freedesktop.DBus.Error.InvalidArgs";
}

// Its version is asked for only when it has refused something.
void Manager::with_known(const std::vector<UnitProperty>& properties,
                         const std::function<void(const std::vector<UnitProperty>&)>& call) {
  try {
    call(properties);
    return;
  } catch (const sdbus::Error& error) {
    if (!may_be_too_new(error)) throw;
    const sdbus::Variant text = proxy_->getProperty("Version").onInterface(kManager);
    const auto version = systemd_version(text.get<std::string>());
    if (!version || known_to(*version, properties).size() == properties.size()) throw;
    call(known_to(*version, properties));
  }
}

std::string Manager::start_unit(const ScopeRequest& request) {
  std::vector<UnitProperty> asked = request.properties;
  // A failed scope would keep its name taken until somebody resets it.
  asked.push_back({"CollectMode", std::string("inactive-or-failed")});
  sdbus::ObjectPath job;
  with_known(asked,
             [&](const std::vector<UnitProperty>& known) { job = start_job(request, known); });
  wait_for(job, request.unit);
  std::string path = property(request.unit, kScope, "ControlGroup");
  if (path.empty()) throw Refusal{"the scope ended as soon as it was made"};
  return path;
}

sdbus::ObjectPath Manager::start_job(const ScopeRequest& request,
                                     const std::vector<UnitProperty>& known) {
  std::vector<Property> properties;
  const auto add = [&](const char* name, const auto& value) {
    properties.push_back(sdbus::make_struct(std::string(name), sdbus::Variant(value)));
  };
  add("Description", request.description);
  add("Slice", request.slice);
  add("Delegate", true);
  // No ordering against basic.target and shutdown.target: a container may be started at boot.
  add("DefaultDependencies", false);
  add("PIDs", request.pids);
  for (const auto* more : {&known, &request.annotated}) {
    const auto converted = bus_properties(*more);
    properties.insert(properties.end(), converted.begin(), converted.end());
  }
  sdbus::ObjectPath job;
  proxy_->callMethod("StartTransientUnit")
      .onInterface(kManager)
      .withTimeout(kCallTimeout)
      .withArguments(request.unit, std::string("fail"), properties, Auxiliary{})
      .storeResultsTo(job);
  return job;
}

// The name may be taken by a unit that is over or is just ending; one that lives is somebody's.
std::string Manager::start(const ScopeRequest& request) {
  for (int attempt = 0;; ++attempt) {
    try {
      return start_unit(request);
    } catch (const sdbus::Error& error) {
      if (error.getName() != kUnitExists || attempt == kRetries) throw;
    }
    const std::string state = property(request.unit, kUnit, "ActiveState");
    if (state == "active" || state == "activating" || state == "reloading") {
      throw Refusal{"a unit of this name is " + state + "; stop it with 'systemctl stop " +
                    request.unit + "'"};
    }
    if (state == "failed" || state == "inactive") reset_failed(request.unit);
    std::this_thread::sleep_for(kRetryInterval);
  }
}

void Manager::reset_failed(const std::string& unit) {
  try {
    proxy_->callMethod("ResetFailedUnit")
        .onInterface(kManager)
        .withTimeout(kCallTimeout)
        .withArguments(unit);
  } catch (const sdbus::Error& error) {
    if (error.getName() != kNoSuchUnit) throw;
  }
}

std::string Manager::property(const std::string& unit, const char* interface,
                              const std::string& name) {
  try {
    sdbus::ObjectPath path;
    proxy_->callMethod("GetUnit")
        .onInterface(kManager)
        .withTimeout(kCallTimeout)
        .withArguments(unit)
        .storeResultsTo(path);
    const auto proxy = sdbus::createProxy(*connection_, kService, path);
    const sdbus::Variant value = proxy->getProperty(name).onInterface(interface);
    return value.containsValueOfType<std::string>() ? value.get<std::string>() : "";
  } catch (const sdbus::Error& error) {
    if (error.getName() == kNoSuchUnit) return {};
    // Unloaded between the two calls.
    if (error.getName() == "org.freedesktop.DBus.Error.UnknownObject") return {};
    throw;
  }
}

void Manager::stop(const std::string& unit) {
  try {
    sdbus::ObjectPath job;
    proxy_->callMethod("StopUnit")
        .onInterface(kManager)
        .withTimeout(kCallTimeout)
        .withArguments(unit, std::string("replace"))
        .storeResultsTo(job);
    wait_for(job, unit);
  } catch (const sdbus::Error& error) {
    if (error.getName() != kNoSuchUnit) throw;
  }
  reset_failed(unit);
}

void Manager::set(const ScopeRequest& request) {
  with_known(request.properties, [&](const std::vector<UnitProperty>& known) {
    proxy_->callMethod("SetUnitProperties")
        .onInterface(kManager)
        .withTimeout(kCallTimeout)
        .withArguments(request.unit, true, bus_properties(known));
  });
}

std::string sentence_of(const sdbus::Error& error, bool user) {
  std::string text = error.getMessage() + " (" + error.getName() + ")";
  if (error.getName() == "org.freedesktop.DBus.Error.FileNotFound" ||
      error.getName() == "System.Error.ENOENT" || error.getName() == "System.Error.ENOMEDIUM") {
    text += user ? "; there is no bus of the user: XDG_RUNTIME_DIR or DBUS_SESSION_BUS_ADDRESS "
                   "must lead to it (log in, or loginctl enable-linger)"
                 : "; there is no system bus: use the cgroupfs driver";
  }
  return text;
}

}  // namespace

ScopeAnswer carry_out(const ScopeRequest& request) {
  try {
    Manager manager(request.user);
    switch (request.verb) {
      case ScopeVerb::start:
        return {manager.start(request), ""};
      case ScopeVerb::stop:
        manager.stop(request.unit);
        return {};
      case ScopeVerb::set:
        manager.set(request);
        return {};
    }
  } catch (const Refusal& refusal) {
    return {"", refusal.text};
  } catch (const sdbus::Error& error) {
    return {"", sentence_of(error, request.user)};
  }
  return {};
}

}  // namespace cgwarden::launcher
