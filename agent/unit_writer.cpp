#include "agent/unit_writer.h"

#include <systemd/sd-bus.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "agent/async_bus.h"
#include "agent/system_bus.h"
#include "agent/systemd_manager.h"
#include "agent/unit_devices.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "launcher/unit_property.h"

namespace cgwarden::agent {
namespace {

Error unit_call_failed(const std::string& cgroup, const sd_bus_error& error) {
  const std::string_view name = error.name == nullptr ? "" : error.name;
  const std::string_view text = error.message != nullptr ? error.message : name;
  ErrorKind kind = ErrorKind::invalid;
  if (name.ends_with(".NoUnitForControlGroup") || name.ends_with(".NoSuchUnit")) {
    kind = ErrorKind::vanished;
  }
  if (name.ends_with(".AccessDenied")) kind = ErrorKind::not_permitted;
  return Error{kind, 0, "set the properties of the unit of", cgroup, printable(text)};
}

Error bus_refused(const std::string& cgroup, int negative_errno) {
  return Error::from_errno(-negative_errno, "ask systemd for the unit of", cgroup);
}

int append_value(sd_bus_message* message, const launcher::UnitValue& value) {
  return std::visit(
      [&](const auto& typed) -> int {
        using Type = std::decay_t<decltype(typed)>;
        if constexpr (std::is_same_v<Type, std::uint64_t>) {
          return ::sd_bus_message_append(message, "v", "t", typed);
        } else if constexpr (std::is_same_v<Type, std::vector<std::uint8_t>>) {
          int failed = ::sd_bus_message_open_container(message, 'v', "ay");
          if (failed >= 0) {
            failed = ::sd_bus_message_append_array(message, 'y', typed.data(), typed.size());
          }
          return failed < 0 ? failed : ::sd_bus_message_close_container(message);
        } else {
          return -EINVAL;  // no control file becomes one
        }
      },
      value);
}

int append_property(sd_bus_message* message, const launcher::UnitProperty& property) {
  int failed = ::sd_bus_message_open_container(message, 'r', "sv");
  if (failed >= 0) failed = ::sd_bus_message_append(message, "s", property.name.c_str());
  if (failed >= 0) failed = append_value(message, property.value);
  return failed < 0 ? failed : ::sd_bus_message_close_container(message);
}

int append_devices(sd_bus_message* message, const DeviceProperty& property) {
  int failed = ::sd_bus_message_open_container(message, 'r', "sv");
  if (failed >= 0) failed = ::sd_bus_message_append(message, "s", property.name.c_str());
  if (failed >= 0) failed = ::sd_bus_message_open_container(message, 'v', "a(st)");
  if (failed >= 0) failed = ::sd_bus_message_open_container(message, 'a', "(st)");
  for (const auto& value : property.values) {
    if (failed < 0) return failed;
    failed = ::sd_bus_message_append(message, "(st)", value.path.c_str(), value.number);
  }
  for (int open = 0; open < 3 && failed >= 0; ++open) {
    failed = ::sd_bus_message_close_container(message);
  }
  return failed;
}

Result<BusMessage> properties_call(sd_bus* bus, const std::string& unit,
                                   const std::vector<policy::Write>& writes) {
  std::vector<launcher::ControlWrite> files;
  for (const policy::Write& write : writes) files.push_back({write.file, write.new_value});
  const auto properties = launcher::unit_properties(files);
  sd_bus_message* made = nullptr;
  int failed = ::sd_bus_message_new_method_call(bus, &made, kSystemdService, kSystemdPath,
                                                kSystemdManager, "SetUnitProperties");
  BusMessage message(made);
  if (failed >= 0) failed = ::sd_bus_message_append(made, "sb", unit.c_str(), 1);
  if (failed >= 0) failed = ::sd_bus_message_open_container(made, 'a', "(sv)");
  for (const auto& property : properties) {
    if (failed >= 0) failed = append_property(made, property);
  }
  for (const policy::Write& write : writes) {
    for (const auto& property : device_properties(write.file, write.new_value)) {
      if (failed >= 0) failed = append_devices(made, property);
    }
  }
  if (failed >= 0) failed = ::sd_bus_message_close_container(made);
  if (failed < 0) return fail(bus_refused(writes.front().cgroup, failed));
  return message;
}

// "web.service" of its object.
std::string unit_of(const char* object) {
  char* decoded = nullptr;
  if (::sd_bus_path_decode(object, kUnitsPath, &decoded) <= 0 || decoded == nullptr) return {};
  std::string name(decoded);
  std::free(decoded);
  return name;
}

Error not_its_own(const std::string& cgroup, const std::string& unit, const std::string& own) {
  return Error{ErrorKind::not_supported, 0, "set the properties of the unit of", cgroup,
               "it is not the cgroup of " + unit + ", which is " + own +
                   ": another manager's; a policy with owner: adopt writes it"};
}

}  // namespace

std::optional<std::string> interface_of_unit(const std::string& unit) {
  struct Kind {
    std::string_view suffix;
    std::string_view interface;
  };
  static constexpr std::array kKinds{Kind{".service", "Service"}, Kind{".scope", "Scope"},
                                     Kind{".slice", "Slice"},     Kind{".socket", "Socket"},
                                     Kind{".mount", "Mount"},     Kind{".swap", "Swap"}};
  for (const Kind& kind : kKinds) {
    if (unit.ends_with(kind.suffix)) {
      return std::string(kSystemdService) + "." + std::string(kind.interface);
    }
  }
  return std::nullopt;
}

struct UnitWriter::Impl {
  // One cgroup on its way: whose unit is it, is it that unit's own cgroup, set it.
  struct Request {
    Impl* owner = nullptr;
    std::vector<policy::Write> writes;
    std::string object;
    std::string unit;
    sd_bus_slot* slot = nullptr;
    [[nodiscard]] const std::string& cgroup() const { return writes.front().cgroup; }
  };
  // What libsystemd calls, with the request it was given.
  template <void (Impl::*Member)(Request&, sd_bus_message*)>
  static int call(sd_bus_message* message, void* request, sd_bus_error* /*error*/) {
    auto* asked = static_cast<Request*>(request);
    (asked->owner->*Member)(*asked, message);
    return 0;
  }

  Status connect();
  void lost(const Error& error);
  void begin(Request& request);
  void found(Request& request, sd_bus_message* answer);
  void compared(Request& request, sd_bus_message* answer);
  void set(Request& request, sd_bus_message* answer);
  // Ends the request, unless `sent` says that its next call is on its way.
  void goes_on(Request& request, int sent);
  void finish(Request& request, const Status& status);
  void drop_all();

  EventLoop* loop = nullptr;
  const Clock* clock = nullptr;
  Done done;
  Times times;
  bool ready = false;
  std::string said;
  std::unique_ptr<AsyncBus> bus;
  std::map<CgroupId, std::unique_ptr<Request>> requests;
  std::map<CgroupId, Usec> asked_at;  // of the last Times::apart
  EventLoop::Timer retry;
};

Status UnitWriter::Impl::connect() {
  ready = false;
  drop_all();
  bus.reset();
  CGW_ASSIGN(bus, AsyncBus::open(
                      *loop, times.answer,
                      [this] {
                        ready = true;
                        said.clear();
                        ::sd_bus_set_method_call_timeout(bus->bus(), times.answer.count());
                      },
                      [this](const Error& error) { lost(error); }));
  return {};
}

void UnitWriter::Impl::lost(const Error& error) {
  ready = false;
  if (std::exchange(said, error.sentence()) != error.sentence()) {
    log::warning("unit_writer_off", {{"error", error.sentence()},
                                     {"effect", "policies for units of systemd are not enforced"}});
  }
  // Not from inside a handler of the connection that would be destroyed by it.
  auto timer = loop->timer(times.retry, Usec{0}, [this] {
    retry = {};
    if (const Status connected = connect(); !connected) lost(connected.error());
  });
  if (timer) retry = *std::move(timer);
}

void UnitWriter::Impl::drop_all() {
  for (auto& [id, request] : requests) ::sd_bus_slot_unref(request->slot);
  requests.clear();
}

void UnitWriter::Impl::begin(Request& request) {
  goes_on(request,
          ::sd_bus_call_method_async(bus->bus(), &request.slot, kSystemdService, kSystemdPath,
                                     kSystemdManager, "GetUnitByControlGroup", call<&Impl::found>,
                                     &request, "s", request.cgroup().c_str()));
  bus->sent();
}

void UnitWriter::Impl::goes_on(Request& request, int sent) {
  if (sent < 0) finish(request, fail(bus_refused(request.cgroup(), sent)));
}

void UnitWriter::Impl::found(Request& request, sd_bus_message* answer) {
  request.slot = ::sd_bus_slot_unref(request.slot);
  if (const auto* error = ::sd_bus_message_get_error(answer)) {
    return finish(request, fail(unit_call_failed(request.cgroup(), *error)));
  }
  const char* object = nullptr;
  if (const int got = ::sd_bus_message_read_basic(answer, 'o', &object); got <= 0) {
    return finish(request, fail(bus_refused(request.cgroup(), got == 0 ? -EBADMSG : got)));
  }
  request.object = object;
  request.unit = unit_of(object);
  const auto interface = interface_of_unit(request.unit);
  if (!interface) {
    return finish(request, fail(not_its_own(request.cgroup(), request.unit, "not known")));
  }
  goes_on(request, ::sd_bus_call_method_async(
                       bus->bus(), &request.slot, kSystemdService, request.object.c_str(),
                       "org.freedesktop.DBus.Properties", "Get", call<&Impl::compared>, &request,
                       "ss", interface->c_str(), "ControlGroup"));
}

void UnitWriter::Impl::compared(Request& request, sd_bus_message* answer) {
  request.slot = ::sd_bus_slot_unref(request.slot);
  if (const auto* error = ::sd_bus_message_get_error(answer)) {
    return finish(request, fail(unit_call_failed(request.cgroup(), *error)));
  }
  const char* own = nullptr;
  if (const int got = ::sd_bus_message_read(answer, "v", "s", &own); got <= 0) {
    return finish(request, fail(bus_refused(request.cgroup(), got == 0 ? -EBADMSG : got)));
  }
  if (request.cgroup() != own) {
    return finish(request, fail(not_its_own(request.cgroup(), request.unit, own)));
  }
  auto message = properties_call(bus->bus(), request.unit, request.writes);
  if (!message) return finish(request, fail(message.error()));
  goes_on(request, ::sd_bus_call_async(bus->bus(), &request.slot, message->get(), call<&Impl::set>,
                                       &request, times.answer.count()));
}

void UnitWriter::Impl::set(Request& request, sd_bus_message* answer) {
  request.slot = ::sd_bus_slot_unref(request.slot);
  if (const auto* error = ::sd_bus_message_get_error(answer)) {
    return finish(request, fail(unit_call_failed(request.cgroup(), *error)));
  }
  finish(request, {});
}

void UnitWriter::Impl::finish(Request& request, const Status& status) {
  const auto at = requests.find(request.writes.front().id);
  const auto ended = std::move(at->second);
  requests.erase(at);
  done(ended->writes, status);
}

UnitWriter::UnitWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
UnitWriter::~UnitWriter() { impl_->drop_all(); }

std::unique_ptr<UnitWriter> UnitWriter::start(EventLoop& loop, const Clock& clock, Done done,
                                              Times times) {
  auto impl = std::make_unique<Impl>();
  impl->loop = &loop;
  impl->clock = &clock;
  impl->done = std::move(done);
  impl->times = times;
  if (const Status connected = impl->connect(); !connected) impl->lost(connected.error());
  return std::unique_ptr<UnitWriter>(new UnitWriter(std::move(impl)));
}

void UnitWriter::reloaded() { impl_->asked_at.clear(); }

bool UnitWriter::ask(const std::vector<policy::Write>& writes) {
  if (!impl_->ready || writes.empty()) return false;
  const CgroupId id = writes.front().id;
  const Usec now = impl_->clock->now().boottime;
  std::erase_if(impl_->asked_at,
                [&](const auto& entry) { return entry.second + impl_->times.apart <= now; });
  if (impl_->asked_at.contains(id) || impl_->requests.contains(id) ||
      impl_->requests.size() >= limits::kUnitsAsked) {
    return false;
  }
  impl_->asked_at.emplace(id, now);
  auto request = std::make_unique<Impl::Request>();
  request->owner = impl_.get();
  request->writes = writes;
  Impl::Request& asked = *request;
  impl_->requests.emplace(id, std::move(request));
  impl_->begin(asked);
  return true;
}

namespace {

Result<SystemBus> open_system_bus(const std::string& cgroup) {
  sd_bus* opened = nullptr;
  if (const int failed = ::sd_bus_open_system(&opened); failed < 0) {
    return fail(bus_refused(cgroup, failed));
  }
  return SystemBus(opened);
}

Status call_and_wait(sd_bus* bus, const std::string& unit,
                     const std::vector<policy::Write>& writes) {
  CGW_ASSIGN(const BusMessage message, properties_call(bus, unit, writes));
  sd_bus_error error = SD_BUS_ERROR_NULL;
  const int failed = ::sd_bus_call(bus, message.get(), 0, &error, nullptr);
  const Status status =
      failed < 0 ? fail(unit_call_failed(writes.front().cgroup, error)) : Status{};
  ::sd_bus_error_free(&error);
  return status;
}

}  // namespace

Status set_stopped_unit_properties(const std::string& unit,
                                   const std::vector<policy::Write>& writes) {
  if (writes.empty()) return {};
  CGW_ASSIGN(const SystemBus bus, open_system_bus(writes.front().cgroup));
  return call_and_wait(bus.get(), unit, writes);
}

Status set_unit_properties(const std::vector<policy::Write>& writes) {
  if (writes.empty()) return {};
  const std::string& cgroup = writes.front().cgroup;
  CGW_ASSIGN(const SystemBus bus, open_system_bus(cgroup));
  sd_bus* const opened = bus.get();
  sd_bus_error error = SD_BUS_ERROR_NULL;
  const std::unique_ptr<sd_bus_error, void (*)(sd_bus_error*)> freed(&error, ::sd_bus_error_free);
  sd_bus_message* reply = nullptr;
  int failed = ::sd_bus_call_method(opened, kSystemdService, kSystemdPath, kSystemdManager,
                                    "GetUnitByControlGroup", &error, &reply, "s", cgroup.c_str());
  BusMessage answer(reply);
  const char* object = nullptr;
  if (failed < 0) return fail(unit_call_failed(cgroup, error));
  if (::sd_bus_message_read_basic(reply, 'o', &object) <= 0) {
    return fail(bus_refused(cgroup, -EBADMSG));
  }
  const std::string unit = unit_of(object);
  const auto interface = interface_of_unit(unit);
  if (!interface) return fail(not_its_own(cgroup, unit, "not known"));
  char* text = nullptr;
  failed = ::sd_bus_get_property_string(opened, kSystemdService, object, interface->c_str(),
                                        "ControlGroup", &error, &text);
  if (failed < 0) return fail(unit_call_failed(cgroup, error));
  const std::string own(text);
  std::free(text);
  if (own != cgroup) return fail(not_its_own(cgroup, unit, own));
  return call_and_wait(opened, unit, writes);
}

}  // namespace cgwarden::agent
