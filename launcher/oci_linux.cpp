#include <algorithm>
#include <array>
#include <string_view>

#include "launcher/memory_policy.h"
#include "launcher/namespaces.h"
#include "launcher/oci_sections.h"

// "linux" of config.json.
namespace cgwarden::launcher {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 8> kPropagations{
    "shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable"};

// MKDEV() of include/linux/kdev_t.h: 12 bits and 20 bits.
constexpr std::int64_t kHighestMajor = 4095;
constexpr std::int64_t kHighestMinor = 1048575;

// An entry without a known type is left out, the complaint says so.
void read_namespace(ObjectReader& reader, Spec& spec) {
  Namespace entry;
  std::string type;
  reader.require(reader.string("type", type), "type");
  reader.string("path", entry.path);
  bool known = false;
  for (int i = 0; i <= static_cast<int>(NamespaceType::time) && !known; ++i) {
    entry.type = static_cast<NamespaceType>(i);
    known = type == namespace_name(entry.type);
  }
  if (!known) return reader.complain("type", "\"" + type + "\" is not supported");
  if (spec.has_namespace(entry.type)) reader.complain("", "repeats the namespace " + type);
  if (!entry.path.empty() && !entry.path.starts_with('/')) {
    reader.complain("path", "must be an absolute path");
  }
  spec.namespaces.push_back(std::move(entry));
}

void read_device(ObjectReader& reader, Device& device) {
  reader.require(reader.string("path", device.path), "path");
  if (!device.path.starts_with('/')) reader.complain("path", "must be an absolute path");
  std::string type;
  reader.require(reader.string("type", type), "type");
  if (type == "c" || type == "u" || type == "b" || type == "p") {
    device.type = type.front();
  } else {
    reader.complain("type", "must be c, u, b or p");
  }
  const bool has_major = reader.integer("major", device.major);
  const bool has_minor = reader.integer("minor", device.minor);
  reader.require(has_major || type == "p", "major");
  reader.require(has_minor || type == "p", "minor");
  if (device.major < 0 || device.major > kHighestMajor) {
    reader.complain("major", "must be between 0 and " + std::to_string(kHighestMajor));
  }
  if (device.minor < 0 || device.minor > kHighestMinor) {
    reader.complain("minor", "must be between 0 and " + std::to_string(kHighestMinor));
  }
  reader.integer("fileMode", device.file_mode);
  // Callers that copy st_mode of stat(2) leave the file type in.
  if (device.file_mode) *device.file_mode &= 07777U;
  reader.integer("uid", device.uid);
  reader.integer("gid", device.gid);
}

// dev_valid_name() of net/core/dev.c; "" keeps the name of the host.
bool valid_interface(const std::string& name) {
  return name.size() < 16 && name != "." && name != ".." &&
         name.find_first_of("/: \t\n\v\f\r") == std::string::npos;
}

void read_net_devices(ObjectReader& reader, Spec& spec) {
  reader.members("netDevices",
                 [&](const std::string& host, const json& value, const std::string& path) {
                   ObjectReader entry = reader.element(value, path);
                   std::string& name = spec.net_devices[host].name;
                   entry.string("name", name);
                   if (host.empty() || !valid_interface(host)) {
                     entry.complain("", "is not the name of a network interface");
                   }
                   if (!valid_interface(name))
                     entry.complain("name", "is not the name of a network interface");
                 });
}

void read_time_offsets(ObjectReader& reader, Spec& spec) {
  reader.members(
      "timeOffsets", [&](const std::string& clock, const json& value, const std::string& path) {
        ObjectReader entry = reader.element(value, path);
        TimeOffset& offset = spec.time_offsets[clock];
        entry.integer("secs", offset.secs);
        entry.integer("nanosecs", offset.nanosecs);
        if (offset.nanosecs > 999999999) entry.complain("nanosecs", "must be below 1000000000");
        if (clock != "monotonic" && clock != "boottime") {
          entry.complain("", "is not supported: only monotonic and boottime have offsets");
        }
      });
}

void read_personality(ObjectReader& reader, Personality& personality) {
  reader.require(reader.string("domain", personality.domain), "domain");
  if (personality.domain != "LINUX" && personality.domain != "LINUX32") {
    reader.complain("domain", "must be LINUX or LINUX32");
  }
  reader.refuse({"flags"});
}

bool is_word(std::span<const MemoryPolicyWord> words, const std::string& name) {
  return std::ranges::any_of(words, [&name](const auto& word) { return word.name == name; });
}

void read_memory_policy(ObjectReader& reader, MemoryPolicy& policy) {
  reader.require(reader.string("mode", policy.mode), "mode");
  if (!is_word(memory_policy_modes(), policy.mode)) {
    reader.complain("mode", "is not a mode of set_mempolicy(2)");
  }
  reader.string("nodes", policy.nodes);
  reader.strings("flags", policy.flags);
  for (const auto& flag : policy.flags) {
    if (!is_word(memory_policy_flags(), flag)) {
      reader.complain("flags", "has a flag that set_mempolicy(2) has not");
    }
  }
}

void read_absolute_paths(ObjectReader& reader, const char* name, std::vector<std::string>& to) {
  reader.each(name, [&](const json& value, const std::string& path) {
    reader.read_string(value, path, to.emplace_back());
    if (!to.back().starts_with('/')) reader.complain_at(path, "must be an absolute path");
  });
}

json write_devices(const std::vector<Device>& devices) {
  json list = json::array();
  for (const auto& device : devices) {
    json item{{"path", device.path},
              {"type", std::string(1, device.type)},
              {"major", device.major},
              {"minor", device.minor}};
    put_if_given(item, "fileMode", device.file_mode);
    put_if_given(item, "uid", device.uid);
    put_if_given(item, "gid", device.gid);
    list.push_back(std::move(item));
  }
  return list;
}

json write_namespaces(const std::vector<Namespace>& namespaces) {
  json list = json::array();
  for (const auto& entry : namespaces) {
    json item{{"type", namespace_name(entry.type)}};
    put_unless_empty(item, "path", entry.path);
    list.push_back(std::move(item));
  }
  return list;
}

}  // namespace

void read_linux(ObjectReader& reader, Spec& spec) {
  reader.each("namespaces", [&](const json& value, const std::string& path) {
    ObjectReader entry = reader.element(value, path);
    read_namespace(entry, spec);
  });
  reader.objects("uidMappings", spec.uid_mappings, read_mapping);
  reader.objects("gidMappings", spec.gid_mappings, read_mapping);
  read_time_offsets(reader, spec);
  reader.objects("devices", spec.devices, read_device);
  read_net_devices(reader, spec);
  reader.string("cgroupsPath", spec.cgroups_path);
  reader.object("resources", [&](ObjectReader& part) { read_resources(part, spec.resources); });
  reader.string_map("sysctl", spec.sysctl);
  reader.object("seccomp",
                [&](ObjectReader& part) { read_seccomp(part, spec.seccomp_config.emplace()); });
  reader.string("rootfsPropagation", spec.rootfs_propagation);
  if (!spec.rootfs_propagation.empty() &&
      std::ranges::find(kPropagations, spec.rootfs_propagation) == kPropagations.end()) {
    reader.complain("rootfsPropagation", "must be shared, slave, private or unbindable");
  }
  read_absolute_paths(reader, "maskedPaths", spec.masked_paths);
  read_absolute_paths(reader, "readonlyPaths", spec.readonly_paths);
  reader.string("mountLabel", spec.mount_label);
  reader.object("personality",
                [&](ObjectReader& part) { read_personality(part, spec.personality.emplace()); });
  reader.object("memoryPolicy", [&](ObjectReader& part) {
    read_memory_policy(part, spec.memory_policy.emplace());
  });
  reader.refuse({"intelRdt"});
}

json write_linux(const Spec& spec) {
  json result{{"namespaces", write_namespaces(spec.namespaces)}};
  put_unless_empty(result, "uidMappings", write_mappings(spec.uid_mappings));
  put_unless_empty(result, "gidMappings", write_mappings(spec.gid_mappings));
  for (const auto& [clock, offset] : spec.time_offsets) {
    result["timeOffsets"][clock] = {{"secs", offset.secs}, {"nanosecs", offset.nanosecs}};
  }
  put_unless_empty(result, "devices", write_devices(spec.devices));
  for (const auto& [host, device] : spec.net_devices) {
    json& item = result["netDevices"][host] = json::object();
    put_unless_empty(item, "name", device.name);
  }
  put_unless_empty(result, "cgroupsPath", spec.cgroups_path);
  put_unless_empty(result, "resources", write_resources(spec.resources));
  put_unless_empty(result, "sysctl", spec.sysctl);
  if (spec.seccomp_config) result["seccomp"] = write_seccomp(*spec.seccomp_config);
  put_unless_empty(result, "rootfsPropagation", spec.rootfs_propagation);
  put_unless_empty(result, "maskedPaths", spec.masked_paths);
  put_unless_empty(result, "readonlyPaths", spec.readonly_paths);
  put_unless_empty(result, "mountLabel", spec.mount_label);
  if (spec.personality) result["personality"] = {{"domain", spec.personality->domain}};
  if (spec.memory_policy) {
    json& to = result["memoryPolicy"];
    to = {{"mode", spec.memory_policy->mode}, {"nodes", spec.memory_policy->nodes}};
    put_unless_empty(to, "flags", spec.memory_policy->flags);
  }
  return result;
}

}  // namespace cgwarden::launcher
