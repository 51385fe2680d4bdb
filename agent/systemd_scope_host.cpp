// Scopes of systemd: transient units that the manager (org.freedesktop.systemd1(5)) makes and
// watches, with everything below them delegated to us.
#include <sdbus-c++/sdbus-c++.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "agent/bus_loop.h"
#include "agent/scope_host.h"
#include "agent/systemd_manager.h"
#include "base/log.h"

namespace cgwarden::agent {
namespace {

constexpr const char* kUnit = "org.freedesktop.systemd1.Unit";
constexpr const char* kScope = "org.freedesktop.systemd1.Scope";
constexpr const char* kProperties = "org.freedesktop.DBus.Properties";
constexpr const char* kSlice = "cgwarden.slice";
constexpr std::chrono::seconds kCallTimeout{10};
// The whole making of a scope, waiting for an old one of its name included.
constexpr Usec kCreateTimeout{10'000'000};
constexpr Usec kRetryInterval{100'000};
// When the unit itself is stopped (shutdown): SIGTERM, then after this SIGKILL to what is left.
constexpr std::uint64_t kStopTimeoutUsec = 30'000'000;

using UnitProperty = sdbus::Struct<std::string, sdbus::Variant>;
using AuxiliaryUnits = std::vector<sdbus::Struct<std::string, std::vector<UnitProperty>>>;

class SystemdScopeHost final : public ScopeHost {
 public:
  explicit SystemdScopeHost(EventLoop& loop) : loop_(loop) {}
  ~SystemdScopeHost() override { disconnect(); }

  Status connect();
  void create(const std::string& name, pid_t pid, Created created) override;
  Status remove(const std::string& name) override;
  [[nodiscard]] std::string kind() const override { return "systemd"; }

 private:
  struct Creation {
    std::string unit;
    std::uint32_t pid = 0;
    Created created;
    std::string job;                             // empty until the call is answered
    std::map<std::string, std::string> removed;  // jobs of this unit that ended before that
    EventLoop::Timer deadline;
    EventLoop::Timer retry;
  };
  using Key = std::uint64_t;

  void disconnect();
  void lost(const Error& error);
  void attempt(Key key);
  void started(Key key, const sdbus::Error* error, const std::string& job);
  void job_removed(const std::string& unit, const std::string& job, const std::string& result);
  void job_ended(Key key, const std::string& result);
  void look_at_existing(Key key);
  void make_room(Key key, const std::string& state);
  void retry_later(Key key);
  void read_path(Key key);
  void finish(Key key, Result<std::string> scope);
  Creation* find(Key key);
  // Sends a call for a creation; a bus that refuses it ends the creation. No sdbus::Error may leave
  // a reply handler.
  void send(Key key, const char* operation, const std::function<void()>& call);
  // A property of a unit; `then` is not called when the creation is over by then.
  void get_property(Key key, const std::string& unit_path, const char* interface,
                    const std::string& property, std::function<void(std::string)> then);
  void with_unit(Key key, std::function<void(std::string unit_path)> then);

  EventLoop& loop_;
  const bool user_ = ::geteuid() != 0;  // whose systemd
  std::unique_ptr<sdbus::IConnection> connection_;
  std::unique_ptr<sdbus::IProxy> manager_;
  std::map<std::string, std::unique_ptr<sdbus::IProxy>> units_;
  std::unique_ptr<BusLoop> bus_;
  std::map<Key, Creation> creations_;
  std::set<std::string> removing_;  // units we asked to stop and which may still be there
  Key last_key_ = 0;
};

Status SystemdScopeHost::connect() {
  disconnect();
  try {
    connection_ = user_ ? sdbus::createSessionBusConnection() : sdbus::createSystemBusConnection();
    manager_ = sdbus::createProxy(*connection_, kSystemdService, kSystemdPath);
    // Before any job exists: a scope's job may end before the call that made it is answered.
    manager_->uponSignal("JobRemoved")
        .onInterface(kSystemdManager)
        .call([this](std::uint32_t /*id*/, const sdbus::ObjectPath& job, const std::string& unit,
                     const std::string& result) { job_removed(unit, job, result); });
    manager_->finishRegistration();
    manager_->callMethod("Subscribe").onInterface(kSystemdManager).withTimeout(kCallTimeout);
  } catch (const sdbus::Error& error) {
    disconnect();
    Error ours =
        from_bus(error, "reach",
                 user_ ? "the user's systemd on the user's bus" : "systemd on the system bus");
    if (user_) {
      ours.detail +=
          "; log in, or as root 'loginctl enable-linger' this user, with the package "
          "dbus-user-session installed and XDG_RUNTIME_DIR set; or name a cgroup that was "
          "delegated with --cgroup-parent";
    }
    ours.kind = ErrorKind::not_supported;
    return fail(std::move(ours));
  }
  auto attached = BusLoop::attach(loop_, *connection_, [this](const Error& error) { lost(error); });
  if (!attached) {
    disconnect();
    return fail(attached.error());
  }
  bus_ = std::move(*attached);
  return {};
}

void SystemdScopeHost::disconnect() {
  bus_.reset();
  units_.clear();
  manager_.reset();
  connection_.reset();
}

// The next create() connects again.
void SystemdScopeHost::lost(const Error& error) {
  bus_.reset();
  std::vector<Key> keys;
  for (const auto& [key, creation] : creations_) keys.push_back(key);
  for (const Key key : keys) finish(key, fail(error));
}

void SystemdScopeHost::create(const std::string& name, pid_t pid, Created created) {
  if (!bus_) {
    if (const Status connected = connect(); !connected) return created(fail(connected.error()));
  }
  if (creations_.empty()) units_.clear();  // proxies of scopes long made
  const Key key = ++last_key_;
  Creation& creation = creations_[key];
  creation.unit = name + ".scope";
  creation.pid = static_cast<std::uint32_t>(pid);
  creation.created = std::move(created);
  auto deadline = loop_.timer(kCreateTimeout, Usec{0}, [this, key] {
    const Creation* late = find(key);
    if (late == nullptr) return;
    finish(key, fail(Error{ErrorKind::io, 0, "make", late->unit,
                           "systemd did not make the scope in " + human_duration(kCreateTimeout)}));
  });
  if (!deadline) return finish(key, fail(deadline.error()));
  creation.deadline = std::move(*deadline);
  attempt(key);
}

void SystemdScopeHost::attempt(Key key) {
  Creation* creation = find(key);
  if (creation == nullptr) return;
  creation->retry = {};
  creation->removed.clear();
  const std::string name = creation->unit.substr(0, creation->unit.rfind('.'));
  std::vector<UnitProperty> properties;
  const auto add = [&](const char* property, const auto& value) {
    properties.push_back(sdbus::make_struct(std::string(property), sdbus::Variant(value)));
  };
  add("Description", "cgwarden workload " + name);
  add("Slice", std::string(kSlice));
  add("Delegate", true);
  add("PIDs", std::vector<std::uint32_t>{creation->pid});
  add("TimeoutStopUSec", kStopTimeoutUsec);
  // A failed scope would keep its name taken until somebody resets it.
  add("CollectMode", std::string("inactive-or-failed"));
  send(key, "make", [&] {
    manager_->callMethodAsync("StartTransientUnit")
        .onInterface(kSystemdManager)
        .withTimeout(kCallTimeout)
        .withArguments(creation->unit, std::string("fail"), properties, AuxiliaryUnits{})
        .uponReplyInvoke([this, key](const sdbus::Error* error, const sdbus::ObjectPath& job) {
          started(key, error, job);
        });
  });
}

void SystemdScopeHost::started(Key key, const sdbus::Error* error, const std::string& job) {
  Creation* creation = find(key);
  if (creation == nullptr) return;
  if (error != nullptr) {
    if (error->getName().ends_with(".UnitExists")) return look_at_existing(key);
    return finish(key, fail(from_bus(*error, "make", creation->unit)));
  }
  creation->job = job;
  const auto early = creation->removed.find(job);
  if (early != creation->removed.end()) job_ended(key, early->second);
}

void SystemdScopeHost::job_removed(const std::string& unit, const std::string& job,
                                   const std::string& result) {
  removing_.erase(unit);
  for (auto& [key, creation] : creations_) {
    if (creation.unit != unit) continue;
    if (creation.job.empty()) {
      creation.removed[job] = result;
    } else if (creation.job == job) {
      return job_ended(key, result);
    }
  }
}

void SystemdScopeHost::job_ended(Key key, const std::string& result) {
  if (result == "done") return read_path(key);
  if (const Creation* creation = find(key)) {
    finish(key, fail(Error{ErrorKind::io, 0, "make", creation->unit,
                           "systemd's job ended with the result '" + result + "'"}));
  }
}

// The name is taken. A unit that is over, or that is going because we removed it, makes room; one
// that lives is somebody's.
void SystemdScopeHost::look_at_existing(Key key) {
  with_unit(key, [this, key](const std::string& unit_path) {
    if (unit_path.empty()) return retry_later(key);  // gone in between
    get_property(key, unit_path, kUnit, "ActiveState",
                 [this, key](const std::string& state) { make_room(key, state); });
  });
}

void SystemdScopeHost::make_room(Key key, const std::string& state) {
  const Creation* creation = find(key);
  if (creation == nullptr) return;
  const std::string unit = creation->unit;
  if (state == "deactivating" || removing_.contains(unit)) return retry_later(key);
  if (state != "inactive" && state != "failed") {
    return finish(key, fail(Error{ErrorKind::busy, 0, "make", unit,
                                  "a unit of this name is " + state +
                                      " and was not made for this workload; stop it with "
                                      "'systemctl stop " +
                                      unit + "'"}));
  }
  send(key, "reset", [&] {
    manager_->callMethodAsync("ResetFailedUnit")
        .onInterface(kSystemdManager)
        .withTimeout(kCallTimeout)
        .withArguments(unit)
        .uponReplyInvoke([this, key](const sdbus::Error* /*gone is fine*/) { retry_later(key); });
  });
}

void SystemdScopeHost::retry_later(Key key) {
  Creation* creation = find(key);
  if (creation == nullptr) return;
  auto timer = loop_.timer(kRetryInterval, Usec{0}, [this, key] { attempt(key); });
  if (!timer) return finish(key, fail(timer.error()));
  creation->retry = std::move(*timer);
}

// The path is asked, not made up: systemd escapes and nests slices by rules of its own.
void SystemdScopeHost::read_path(Key key) {
  with_unit(key, [this, key](const std::string& unit_path) {
    const Creation* creation = find(key);
    if (creation == nullptr) return;
    if (unit_path.empty()) {
      return finish(key, fail(Error{ErrorKind::vanished, 0, "make", creation->unit,
                                    "the scope ended as soon as it was made"}));
    }
    get_property(key, unit_path, kScope, "ControlGroup", [this, key](const std::string& path) {
      const Creation* made = find(key);
      if (made == nullptr) return;
      if (path.empty()) {
        return finish(key, fail(Error{ErrorKind::vanished, 0, "make", made->unit,
                                      "systemd gives no control group for it"}));
      }
      finish(key, path);
    });
  });
}

void SystemdScopeHost::with_unit(Key key, std::function<void(std::string)> then) {
  Creation* creation = find(key);
  if (creation == nullptr) return;
  send(key, "find", [&] {
    manager_->callMethodAsync("GetUnit")
        .onInterface(kSystemdManager)
        .withTimeout(kCallTimeout)
        .withArguments(creation->unit)
        .uponReplyInvoke([this, key, then = std::move(then)](const sdbus::Error* error,
                                                             const sdbus::ObjectPath& unit_path) {
          const Creation* waiting = find(key);
          if (waiting == nullptr) return;
          if (error == nullptr) return then(unit_path);
          if (error->getName().ends_with(".NoSuchUnit")) return then("");
          finish(key, fail(from_bus(*error, "find", waiting->unit)));
        });
  });
}

void SystemdScopeHost::get_property(Key key, const std::string& unit_path, const char* interface,
                                    const std::string& property,
                                    std::function<void(std::string)> then) {
  send(key, "read", [&] {
    auto& proxy = units_[unit_path];
    if (!proxy) proxy = sdbus::createProxy(*connection_, kSystemdService, unit_path);
    proxy->callMethodAsync("Get")
        .onInterface(kProperties)
        .withTimeout(kCallTimeout)
        .withArguments(std::string(interface), property)
        .uponReplyInvoke([this, key, then = std::move(then)](const sdbus::Error* error,
                                                             const sdbus::Variant& value) {
          const Creation* waiting = find(key);
          if (waiting == nullptr) return;
          if (error != nullptr) return finish(key, fail(from_bus(*error, "read", waiting->unit)));
          then(value.containsValueOfType<std::string>() ? value.get<std::string>() : "");
        });
  });
}

void SystemdScopeHost::send(Key key, const char* operation, const std::function<void()>& call) {
  const Creation* creation = find(key);
  if (creation == nullptr) return;
  try {
    call();
  } catch (const sdbus::Error& error) {
    return finish(key, fail(from_bus(error, operation, creation->unit)));
  }
  if (bus_) bus_->sent();
}

SystemdScopeHost::Creation* SystemdScopeHost::find(Key key) {
  const auto found = creations_.find(key);
  return found == creations_.end() ? nullptr : &found->second;
}

void SystemdScopeHost::finish(Key key, Result<std::string> scope) {
  auto creation = creations_.extract(key);
  if (creation.empty()) return;
  creation.mapped().created(std::move(scope));
}

// systemd ends an empty scope by itself; this hastens it and covers a scope that is not empty.
Status SystemdScopeHost::remove(const std::string& name) {
  const std::string unit = name + ".scope";
  if (!bus_) CGW_TRY(connect());
  try {
    removing_.insert(unit);
    manager_->callMethodAsync("StopUnit")
        .onInterface(kSystemdManager)
        .withTimeout(kCallTimeout)
        .withArguments(unit, std::string("replace"))
        .uponReplyInvoke([this, unit](const sdbus::Error* error, const sdbus::ObjectPath&) {
          if (error == nullptr) return;  // JobRemoved follows
          removing_.erase(unit);
          if (error->getName().ends_with(".NoSuchUnit")) return;
          log::warning("scope_not_removed", {{"unit", unit}, {"error", error->getMessage()}});
        });
  } catch (const sdbus::Error& error) {
    return fail(from_bus(error, "stop", unit));
  }
  bus_->sent();
  return {};
}

}  // namespace

Result<std::unique_ptr<ScopeHost>> make_systemd_scope_host(EventLoop& loop) {
  auto host = std::make_unique<SystemdScopeHost>(loop);
  CGW_TRY(host->connect());
  return std::unique_ptr<ScopeHost>(std::move(host));
}

}  // namespace cgwarden::agent
