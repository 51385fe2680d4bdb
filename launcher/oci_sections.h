#pragma once

#include <vector>

#include "launcher/object_reader.h"
#include "launcher/spec.h"

// The sections of config.json (OCI runtime-spec 1.2), a file each. Readers expect a target that
// has its defaults; writers leave out what is absent or empty, so that reading gives the same
// target again.
namespace cgwarden::launcher {

void read_process(ObjectReader& reader, Process& process);      // config.md, "Process"
void read_mount(ObjectReader& reader, Mount& mount);            // config.md, "Mounts"
void read_hooks(ObjectReader& reader, Hooks& hooks);            // config.md, "POSIX-platform Hooks"
void read_linux(ObjectReader& reader, Spec& spec);              // config-linux.md
void read_mapping(ObjectReader& reader, IdMapping& mapping);    // "User namespace mappings"
void read_resources(ObjectReader& reader, Resources& to);       // "Control groups"
void read_device_rule(ObjectReader& reader, DeviceRule& rule);  // "Allowed Device list"
void read_block_io(ObjectReader& reader, Resources::BlockIo& block_io);  // "Block IO"
void read_seccomp(ObjectReader& reader, Seccomp& seccomp);               // "Seccomp"

[[nodiscard]] nlohmann::json write_process(const Process& process);
[[nodiscard]] nlohmann::json write_mount(const Mount& mount);
[[nodiscard]] nlohmann::json write_hooks(const Hooks& hooks);
[[nodiscard]] nlohmann::json write_linux(const Spec& spec);
[[nodiscard]] nlohmann::json write_mappings(const std::vector<IdMapping>& mappings);
[[nodiscard]] nlohmann::json write_resources(const Resources& resources);
[[nodiscard]] nlohmann::json write_device_rules(const std::vector<DeviceRule>& rules);
[[nodiscard]] nlohmann::json write_block_io(const Resources::BlockIo& block_io);
[[nodiscard]] nlohmann::json write_seccomp(const Seccomp& seccomp);

// Puts `value` under `name` unless it is empty.
template <typename Container>
void put_unless_empty(nlohmann::json& object, const char* name, const Container& value) {
  if (!value.empty()) object[name] = value;
}
// Puts what an optional holds under `name`.
template <typename Optional>
void put_if_given(nlohmann::json& object, const char* name, const Optional& value) {
  if (value) object[name] = *value;
}

}  // namespace cgwarden::launcher
