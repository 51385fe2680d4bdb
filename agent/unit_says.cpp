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
  if (const int failed = ::sd_bus_open_system(&bus); failed < 0) return fail(unit.refused(failed));
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
  if (::sd_bus_message_read_basic(state.get(), 's', &text) <= 0 ||
      std::string_view(text) != "loaded") {
    return fail(Error{ErrorKind::vanished, 0, "ask systemd for the properties of", name,
                      "there is no such unit"});
  }
  return unit;
}

Result<BusMessage> Unit::property(const char* interface, const char* name, const char* type) const {
  sd_bus_message* reply = nullptr;
  const int failed = ::sd_bus_get_property(bus_.get(), kSystemdService, object_.c_str(), interface,
                                           name, nullptr, &reply, type);
  if (failed < 0) return fail(refused(failed));
  return BusMessage(reply);
}

// systemd leaves bytes of nothing at the end away, or not.
std::vector<std::uint8_t> without_tail(std::vector<std::uint8_t> mask) {
  while (!mask.empty() && mask.back() == 0) mask.pop_back();
  return mask;
}

Result<bool> has(const Unit& unit, const char* interface, const launcher::UnitProperty& property) {
  if (const auto* number = std::get_if<std::uint64_t>(&property.value)) {
    CGW_ASSIGN(const BusMessage answer, unit.property(interface, property.name.c_str(), "t"));
    std::uint64_t value = 0;
    return ::sd_bus_message_read_basic(answer.get(), 't', &value) > 0 && value == *number;
  }
  if (const auto* mask = std::get_if<std::vector<std::uint8_t>>(&property.value)) {
    CGW_ASSIGN(const BusMessage answer, unit.property(interface, property.name.c_str(), "ay"));
    const void* bytes = nullptr;
    std::size_t size = 0;
    if (::sd_bus_message_read_array(answer.get(), 'y', &bytes, &size) < 0) return false;
    const auto* first = static_cast<const std::uint8_t*>(bytes);
    return without_tail(*mask) == without_tail({first, first + size});
  }
  return false;  // no control file becomes one
}

}  // namespace

Result<bool> unit_says(const std::string& unit, const std::string& file, const std::string& value) {
  const auto properties = launcher::unit_properties(
      std::vector<launcher::ControlWrite>{{.file = file, .value = value}});
  const auto interface = interface_of_unit(unit);
  if (properties.empty() || !interface) {
    return fail(Error{ErrorKind::not_supported, 0, "compare the properties of", unit,
                      "systemd has no single value for " + file});
  }
  CGW_ASSIGN(const Unit loaded, Unit::load(unit));
  for (const launcher::UnitProperty& property : properties) {
    CGW_ASSIGN(const bool same, has(loaded, interface->c_str(), property));
    if (!same) return false;
  }
  return true;
}

}  // namespace cgwarden::agent
