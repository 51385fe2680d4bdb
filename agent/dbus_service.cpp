#include "agent/dbus_service.h"

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "agent/async_bus.h"
#include "agent/bus_loop.h"
#include "base/log.h"

namespace cgwarden::agent {
namespace {

constexpr const char* kName = "io.github.cgwarden.Agent1";  // of the service and of its interface
constexpr const char* kPath = "/io/github/cgwarden/Agent1";
constexpr const char* kErrorPrefix = "io.github.cgwarden.Error.";
// Of a bus that is back, to answer Hello.
constexpr Usec kBusPatience{10'000'000};
constexpr std::chrono::seconds kSenderTimeout{2};

using SummaryRow = sdbus::Struct<std::string, std::string, std::int32_t, std::uint32_t,
                                 std::uint64_t, std::uint64_t, std::string, std::string>;

std::vector<SummaryRow> rows(const std::vector<WorkloadSummary>& list) {
  std::vector<SummaryRow> table;
  table.reserve(list.size());
  for (const auto& entry : list) {
    table.emplace_back(bus_text(entry.name), std::string(to_string(entry.state)),
                       static_cast<std::int32_t>(entry.pid), entry.incarnation, entry.restarts,
                       entry.started_wall.count(), bus_text(entry.cgroup),
                       bus_text(entry.last_verdict));
  }
  return table;
}

// "not_permitted" -> "io.github.cgwarden.Error.NotPermitted".
sdbus::Error to_bus(const Error& error) {
  std::string name = kErrorPrefix;
  bool upper = true;
  for (const char c : to_string(error.kind)) {
    if (c == '_') {
      upper = true;
      continue;
    }
    name += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return {name, bus_text(error.sentence())};
}

// Method calls that are answered later. The callbacks handed out keep only a number: a call that
// is answered after the connection is gone is dropped, and no sdbus object outlives its connection.
class Replies {
 public:
  explicit Replies(std::function<void()> sent) : sent_(std::move(sent)) {}

  std::uint64_t keep(sdbus::Result<>&& result) {
    open_.emplace(++last_, std::move(result));
    return last_;
  }

  void answer(std::uint64_t key, const Status& status) {
    auto call = open_.extract(key);
    if (call.empty()) return;
    try {
      if (status) {
        call.mapped().returnResults();
      } else {
        call.mapped().returnError(to_bus(status.error()));
      }
    } catch (const sdbus::Error& error) {
      log::debug("bus_reply_lost", {{"error", error.getMessage()}});
    }
    sent_();
  }

 private:
  std::function<void()> sent_;
  std::map<std::uint64_t, sdbus::Result<>> open_;
  std::uint64_t last_ = 0;
};

}  // namespace

struct DbusService::Impl {
  Impl(EventLoop& event_loop, Control& agent_control, Usec retry_interval)
      : loop(event_loop), control(agent_control), retry(retry_interval) {}

  Status open();
  void close();
  void register_methods();
  void with_sender(sdbus::Result<>&& result,
                   std::function<void(const std::string& who, const Control::Done& done)> act);
  Control::Done reply_to(sdbus::Result<>&& result);
  void lost(const Error& error);
  void ask_later();
  void ask();
  void reopen();
  void emit(const char* signal, const std::string& first, const std::string& second,
            const std::string& third);

  EventLoop& loop;
  Control& control;
  Usec retry;
  // In the order of their dependence: the last is destroyed first.
  std::unique_ptr<sdbus::IConnection> connection;
  std::unique_ptr<sdbus::IProxy> bus_daemon;
  std::unique_ptr<sdbus::IObject> object;
  std::shared_ptr<Replies> replies;
  std::unique_ptr<BusLoop> bus;
  EventLoop::Timer reconnect_timer;
  std::unique_ptr<AsyncBus> asked;  // while it is not known whether the bus answers
  std::string fault;                // of a bus that was lost; empty while it is there
};

Status DbusService::Impl::open() {
  try {
    connection = sdbus::createSystemBusConnection();
    bus_daemon = sdbus::createProxy(*connection, "org.freedesktop.DBus", "/org/freedesktop/DBus");
    object = sdbus::createObject(*connection, kPath);
    register_methods();
    object->finishRegistration();
    replies = std::make_shared<Replies>([this] {
      if (bus) bus->sent();
    });
    connection->requestName(kName);
  } catch (const sdbus::Error& error) {
    Error ours = from_bus(error, "offer " + std::string(kName) + " on", "the system bus");
    if (ours.kind == ErrorKind::not_permitted) {
      ours.detail += "; install packaging/dbus/io.github.cgwarden.conf";
    } else if (ours.kind == ErrorKind::busy) {
      ours.detail += "; another agent has that name";
    }
    ours.kind = ErrorKind::not_supported;
    close();
    return fail(std::move(ours));
  }
  auto attached = BusLoop::attach(loop, *connection, [this](const Error& error) { lost(error); });
  if (!attached) {
    close();
    return fail(attached.error());
  }
  bus = std::move(*attached);
  fault.clear();
  return {};
}

void DbusService::Impl::close() {
  asked.reset();
  bus.reset();
  replies.reset();
  object.reset();
  bus_daemon.reset();
  connection.reset();
}

void DbusService::Impl::lost(const Error& error) {
  fault = error.sentence();
  log::warning("bus_lost",
               {{"error", fault}, {"effect", "no run and stop over D-Bus until it is back"}});
  ask_later();
}

void DbusService::Impl::ask_later() {
  auto timer = loop.timer(retry, Usec{0}, [this] {
    reconnect_timer = {};
    ask();
  });
  if (timer) reconnect_timer = std::move(*timer);
}

// sdbus-c++ waits for the bus when it connects; the loop must not wait for one that hangs.
void DbusService::Impl::ask() {
  auto opened = AsyncBus::open(
      loop, kBusPatience, [this] { reopen(); },
      [this](const Error& error) {
        fault = error.sentence();
        asked.reset();
        ask_later();
      });
  if (!opened) {
    fault = opened.error().sentence();
    return ask_later();
  }
  asked = *std::move(opened);
}

void DbusService::Impl::reopen() {
  asked.reset();
  close();
  if (const Status opened = open(); !opened) {
    fault = opened.error().sentence();
    return ask_later();
  }
  log::info("bus_back");
}

Control::Done DbusService::Impl::reply_to(sdbus::Result<>&& result) {
  const std::uint64_t key = replies->keep(std::move(result));
  return [weak = std::weak_ptr<Replies>(replies), key](const Status& status) {
    if (const auto alive = weak.lock()) alive->answer(key, status);
  };
}

void DbusService::Impl::register_methods() {
  object->registerMethod("List")
      .onInterface(kName)
      .withOutputParamNames("workloads")
      .implementedAs([this] { return rows(control.list()); });
  object->registerMethod("Launch")
      .onInterface(kName)
      .withInputParamNames("yaml", "origin")
      .implementedAs(
          [this](sdbus::Result<>&& result, const std::string& yaml, const std::string& origin) {
            control.launch(yaml, origin, reply_to(std::move(result)));
          });
  object->registerMethod("Stop").onInterface(kName).withInputParamNames("name").implementedAs(
      [this](sdbus::Result<>&& result, std::string name) {
        with_sender(std::move(result), [this, name = std::move(name)](const std::string& who,
                                                                      const Control::Done& done) {
          control.stop(name, "stop asked by " + who + " over D-Bus", done);
        });
      });
  object->registerMethod("Kill")
      .onInterface(kName)
      .withInputParamNames("name", "signal")
      .implementedAs([this](sdbus::Result<>&& result, std::string name, std::int32_t signal) {
        with_sender(std::move(result), [this, name = std::move(name), signal](
                                           const std::string& who, const Control::Done& done) {
          done(control.kill(name, signal, "signal asked by " + who + " over D-Bus"));
        });
      });
  object->registerMethod("Remove")
      .onInterface(kName)
      .withInputParamNames("name", "force")
      .implementedAs([this](sdbus::Result<>&& result, std::string name, bool force) {
        with_sender(std::move(result), [this, name = std::move(name), force](
                                           const std::string& who, const Control::Done& done) {
          control.remove(name, force, "removal asked by " + who + " over D-Bus", done);
        });
      });
  for (const bool paused : {true, false}) {
    object->registerMethod(paused ? "Pause" : "Resume")
        .onInterface(kName)
        .withInputParamNames("name")
        .implementedAs([this, paused](const std::string& name) {
          if (const Status done = control.pause(name, paused); !done) throw to_bus(done.error());
        });
  }
  object->registerMethod("Inspect")
      .onInterface(kName)
      .withInputParamNames("name")
      .withOutputParamNames("json")
      .implementedAs([this](const std::string& name) {
        const auto document = control.inspect(name);
        if (!document) throw to_bus(document.error());
        return bus_text(*document);
      });
  object->registerMethod("Reload").onInterface(kName).implementedAs([this] {
    if (const Status reloaded = control.reload(); !reloaded) throw to_bus(reloaded.error());
  });
  object->registerSignal("Died")
      .onInterface(kName)
      .withParameters<std::string, std::string, std::string>("workload", "verdict", "json");
  object->registerSignal("Event")
      .onInterface(kName)
      .withParameters<std::string, std::string, std::string>("kind", "cgroup", "json");
}

// Who asked belongs to the evidence: the verdict of this death names them.
void DbusService::Impl::with_sender(
    sdbus::Result<>&& result,
    std::function<void(const std::string& who, const Control::Done& done)> act) {
  const std::string sender = object->getCurrentlyProcessedMessage()->getSender();
  auto done = reply_to(std::move(result));
  bus_daemon->callMethodAsync("GetConnectionUnixUser")
      .onInterface("org.freedesktop.DBus")
      .withTimeout(kSenderTimeout)
      .withArguments(sender)
      .uponReplyInvoke([act = std::move(act), sender, done = std::move(done)](
                           const sdbus::Error* error, std::uint32_t uid) {
        act(error == nullptr ? "uid " + std::to_string(uid) : sender, done);
      });
}

DbusService::DbusService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

DbusService::~DbusService() { impl_->close(); }

Result<std::unique_ptr<DbusService>> DbusService::start(EventLoop& loop, Control& control,
                                                        Usec retry) {
  auto impl = std::make_unique<Impl>(loop, control, retry);
  CGW_TRY(impl->open());
  return std::unique_ptr<DbusService>(new DbusService(std::move(impl)));
}

void DbusService::Impl::emit(const char* signal, const std::string& first,
                             const std::string& second, const std::string& third) {
  if (!bus) return;
  try {
    object->emitSignal(signal).onInterface(kName).withArguments(bus_text(first), bus_text(second),
                                                                bus_text(third));
  } catch (const sdbus::Error& error) {
    log::debug("bus_signal_lost", {{"error", error.getMessage()}});
  }
  bus->sent();
}

SourceReport DbusService::source() const {
  if (impl_->fault.empty()) return {SourceState::live, ""};
  return {SourceState::off, impl_->fault + "; tried again every " + human_duration(impl_->retry)};
}

void DbusService::died(const std::string& workload, const std::string& verdict_class,
                       const std::string& verdict_json) {
  impl_->emit("Died", workload, verdict_class, verdict_json);
}

void DbusService::event(const std::string& kind, const std::string& cgroup,
                        const std::string& json) {
  impl_->emit("Event", kind, cgroup, json);
}

}  // namespace cgwarden::agent
