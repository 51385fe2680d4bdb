#include "agent/unit_says.h"

#include <systemd/sd-bus.h>

#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/system_bus.h"
#include "agent/systemd_manager.h"
#include "agent/unit_writer.h"
#include "base/text.h"
#include "launcher/unit_property.h"

namespace cgwarden::agent {
namespace {

constexpr const char* kUnitInterface = "org.freedesktop.systemd1.Unit";

// The bus, and an object of the unit on it.
class Unit {
 public:
  static Result<Unit> load(const std::string& name);
  [[nodiscard]] Result<BusMessage> property(const char* interface, const char* name,
                                            const char* type) const;

 private:
  Error refused(int negative_errno) const {
    return Error::from_errno(-negative_errno, "ask systemd for the properties of", name_);
  }

  std::string name_;
  SystemBus bus_;
  std::string object_;
};

Result<Unit> Unit::load(const std::string& name) {
  Unit unit;
  unit.name_ = name;
  sd_bus* bus = nullptr;
  if (const int failed = ::sd_bus_open_system(&bus); failed < 0) {
    Error error = unit.refused(failed);
    // Of the socket: that says nothing of the unit.
    if (error.kind == ErrorKind::vanished) error.kind = ErrorKind::io;
    return fail(std::move(error));
  }
  unit.bus_.reset(bus);
  sd_bus_message* reply = nullptr;
  int failed = ::sd_bus_call_method(bus, kSystemdService, kSystemdPath, kSystemdManager, "LoadUnit",
                                    nullptr, &reply, "s", name.c_str());
  const BusMessage answer(reply);
  const char* object = nullptr;
  if (failed >= 0) failed = ::sd_bus_message_read_basic(reply, 'o', &object);
  if (failed <= 0) return fail(unit.refused(failed == 0 ? -EBADMSG : failed));
  unit.object_ = object;
  CGW_ASSIGN(const BusMessage state, unit.property(kUnitInterface, "LoadState", "s"));
  const char* text = nullptr;
  if (::sd_bus_message_read_basic(state.get(), 's', &text) <= 0) text = "unknown";
  const std::string_view loaded = text;
  if (loaded == "loaded") return unit;
  // Masked, or with a fault in its file.
  const auto kind = loaded == "not-found" ? ErrorKind::vanished : ErrorKind::not_supported;
  return fail(Error{kind, 0, "ask systemd for the properties of", name,
                    "its LoadState is " + std::string(loaded)});
}

Result<BusMessage> Unit::property(const char* interface, const char* name, const char* type) const {
  sd_bus_message* reply = nullptr;
  const int failed = ::sd_bus_get_property(bus_.get(), kSystemdService, object_.c_str(), interface,
                                           name, nullptr, &reply, type);
  if (failed < 0) return fail(refused(failed));
  return BusMessage(reply);
}

}  // namespace

std::optional<std::string> plain_property(const std::string& file, const std::string& value) {
  if (!file.starts_with("memory.") && file != "pids.max") return std::nullopt;
  const auto properties = launcher::unit_properties(
      std::vector<launcher::ControlWrite>{{.file = file, .value = value}});
  if (properties.size() != 1 || trim(value) == "0") return std::nullopt;
  return properties.front().name;
}

Result<bool> unit_says(const std::string& unit, const std::string& file, const std::string& value) {
  const auto property = plain_property(file, value);
  const auto interface = interface_of_unit(unit);
  if (!property || !interface) {
    return fail(Error{ErrorKind::not_supported, 0, "compare the properties of", unit,
                      "systemd has no plain property for " + file});
  }
  CGW_ASSIGN(const Unit loaded, Unit::load(unit));
  CGW_ASSIGN(const BusMessage answer, loaded.property(interface->c_str(), property->c_str(), "t"));
  std::uint64_t number = 0;
  if (::sd_bus_message_read_basic(answer.get(), 't', &number) <= 0) return false;
  return number ==
         std::get<std::uint64_t>(launcher::unit_properties(std::vector<launcher::ControlWrite>{
                                                               {.file = file, .value = value}})
                                     .front()
                                     .value);
}

}  // namespace cgwarden::agent
