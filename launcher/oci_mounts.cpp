#include <algorithm>

#include "launcher/oci_sections.h"

// "mounts" of config.json, and the id mappings that mounts and user namespaces share.
namespace cgwarden::launcher {

using nlohmann::json;

void read_mapping(ObjectReader& reader, IdMapping& mapping) {
  reader.require(reader.integer("containerID", mapping.container_id), "containerID");
  reader.require(reader.integer("hostID", mapping.host_id), "hostID");
  reader.require(reader.integer("size", mapping.size), "size");
}

void read_mount(ObjectReader& reader, Mount& mount) {
  reader.require(reader.string("destination", mount.destination), "destination");
  if (mount.destination.empty()) reader.complain("destination", "may not be empty");
  if (!mount.destination.starts_with('/')) {
    reader.warn("destination", "is relative, which is deprecated: taken from /");
    mount.destination.insert(0, "/");
  }
  reader.string("type", mount.type);
  reader.string("source", mount.source);
  reader.strings("options", mount.options);
  const bool bind = mount.type == "bind" || std::ranges::any_of(mount.options, [](const auto& it) {
                      return it == "bind" || it == "rbind";
                    });
  if (bind && mount.source.empty()) reader.complain("source", "is missing");
  if (!bind && mount.type.empty()) reader.complain("type", "is missing");
  reader.objects("uidMappings", mount.uid_mappings, read_mapping);
  reader.objects("gidMappings", mount.gid_mappings, read_mapping);
  if (mount.uid_mappings.empty() != mount.gid_mappings.empty()) {
    reader.complain(mount.uid_mappings.empty() ? "uidMappings" : "gidMappings",
                    "is missing: both have to be given");
  }
}

json write_mappings(const std::vector<IdMapping>& mappings) {
  json list = json::array();
  for (const auto& mapping : mappings) {
    list.push_back({{"containerID", mapping.container_id},
                    {"hostID", mapping.host_id},
                    {"size", mapping.size}});
  }
  return list;
}

json write_mount(const Mount& mount) {
  json item{{"destination", mount.destination}};
  put_unless_empty(item, "type", mount.type);
  put_unless_empty(item, "source", mount.source);
  put_unless_empty(item, "options", mount.options);
  put_unless_empty(item, "uidMappings", write_mappings(mount.uid_mappings));
  put_unless_empty(item, "gidMappings", write_mappings(mount.gid_mappings));
  return item;
}

}  // namespace cgwarden::launcher
