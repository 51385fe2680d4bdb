#include "agent/unit_signal.h"

#include <systemd/sd-bus.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "agent/systemd_manager.h"

namespace cgwarden::agent {
namespace {

constexpr std::string_view kServiceSuffix = "_2eservice";

Error unreadable_signal(int negative_errno) {
  return Error::malformed("read", "a signal of systemd",
                          Error::from_errno(-negative_errno, "", "").sentence());
}

// "web.service" of its object; empty for another unit.
std::string service_of(const char* path) {
  if (path == nullptr || !std::string_view(path).ends_with(kServiceSuffix)) return {};
  char* decoded = nullptr;
  if (::sd_bus_path_decode(path, kUnitsPath, &decoded) <= 0 || decoded == nullptr) return {};
  std::string name(decoded);
  std::free(decoded);
  return name;
}

// A variant of type `type`; false with the variant untouched when it is of another one.
bool read_basic(sd_bus_message* message, char type, void* out) {
  const char signature[] = {type, '\0'};
  if (::sd_bus_message_enter_container(message, 'v', signature) <= 0) return false;
  return ::sd_bus_message_read_basic(message, type, out) > 0 &&
         ::sd_bus_message_exit_container(message) >= 0;
}

std::optional<std::string> read_text(sd_bus_message* message) {
  const char* text = nullptr;
  if (!read_basic(message, 's', &text)) return std::nullopt;
  return std::string(text);
}

std::optional<std::uint32_t> read_unsigned(sd_bus_message* message) {
  std::uint32_t number = 0;
  if (!read_basic(message, 'u', &number)) return std::nullopt;
  return number;
}

std::optional<std::int32_t> read_signed(sd_bus_message* message) {
  std::int32_t number = 0;
  if (!read_basic(message, 'i', &number)) return std::nullopt;
  return number;
}

std::optional<Usec> read_time(sd_bus_message* message) {
  std::uint64_t number = 0;
  if (!read_basic(message, 't', &number)) return std::nullopt;
  return Usec(number);
}

std::optional<std::string> read_bytes(sd_bus_message* message) {
  if (::sd_bus_message_enter_container(message, 'v', "ay") <= 0) return std::nullopt;
  const void* bytes = nullptr;
  std::size_t size = 0;
  if (::sd_bus_message_read_array(message, 'y', &bytes, &size) < 0 ||
      ::sd_bus_message_exit_container(message) < 0) {
    return std::nullopt;
  }
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

// false: none of those that are wanted, and not read.
bool read_property(sd_bus_message* message, std::string_view name, UnitProperties& unit) {
  const auto taken = [](auto& member, auto value) {
    member = std::move(value);
    return member.has_value();
  };
  if (name == "ActiveState") return taken(unit.active_state, read_text(message));
  if (name == "SubState") return taken(unit.sub_state, read_text(message));
  if (name == "Result") return taken(unit.result, read_text(message));
  if (name == "InvocationID") return taken(unit.invocation, read_bytes(message));
  if (name == "InactiveExitTimestampMonotonic") return taken(unit.started, read_time(message));
  if (name == "ActiveExitTimestampMonotonic") return taken(unit.active_exit, read_time(message));
  if (name == "StateChangeTimestampMonotonic") return taken(unit.state_change, read_time(message));
  if (name == "ExecMainExitTimestampMonotonic") return taken(unit.main_exit, read_time(message));
  if (name == "NRestarts") return taken(unit.restarts, read_unsigned(message));
  if (name == "ExecMainPID") return taken(unit.main_pid, read_unsigned(message));
  if (name == "ExecMainCode") return taken(unit.code, read_signed(message));
  if (name == "ExecMainStatus") return taken(unit.status, read_signed(message));
  return false;
}

}  // namespace

Result<UnitSignal> read_unit_signal(sd_bus_message* message) {
  UnitSignal signal;
  signal.unit = service_of(::sd_bus_message_get_path(message));
  if (signal.unit.empty()) return signal;
  const char* interface = nullptr;
  int got = ::sd_bus_message_read_basic(message, 's', &interface);
  if (got > 0) got = ::sd_bus_message_enter_container(message, 'a', "{sv}");
  if (got <= 0) return fail(unreadable_signal(got == 0 ? -EBADMSG : got));
  while ((got = ::sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
    const char* name = nullptr;
    got = ::sd_bus_message_read_basic(message, 's', &name);
    if (got <= 0) return fail(unreadable_signal(got == 0 ? -EBADMSG : got));
    if (!read_property(message, name, signal.properties)) {
      if (got = ::sd_bus_message_skip(message, "v"); got < 0) return fail(unreadable_signal(got));
    }
    if (got = ::sd_bus_message_exit_container(message); got < 0) {
      return fail(unreadable_signal(got));
    }
  }
  if (got < 0) return fail(unreadable_signal(got));
  return signal;
}

}  // namespace cgwarden::agent
