#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <utility>

#include "launcher/capabilities.h"
#include "launcher/json.h"
#include "launcher/namespaces.h"
#include "launcher/rlimits.h"
#include "launcher/spec.h"

// config.json of OCI runtime-spec 1.2 (config.md, config-linux.md) <-> Spec.
namespace cgwarden::launcher {
namespace {

using nlohmann::json;

constexpr const char* kInitAnnotation = "io.github.cgwarden.init";
constexpr const char* kSeccompAnnotation = "io.github.cgwarden.seccomp";

// One JSON object being read. Every property has to be taken; finish() refuses the first that was
// not, by its full name. The first fault is kept, later ones are dropped.
class ObjectReader {
 public:
  ObjectReader(const json& object, std::string path, std::string& fault)
      : object_(object), path_(std::move(path)), fault_(fault) {
    if (!object_.is_object()) complain("", "must be an object");
  }

  // nullptr when the property is absent.
  const json* take(const char* name) {
    taken_.emplace_back(name);
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  void string(const char* name, std::string& to) {
    const json* value = take(name);
    if (value == nullptr) return;
    if (!value->is_string()) return complain(name, "must be a string");
    to = value->get_ref<const std::string&>();
    if (to.find('\0') != std::string::npos) complain(name, "may not contain a zero byte");
  }
  void boolean(const char* name, bool& to) {
    const json* value = take(name);
    if (value == nullptr) return;
    if (!value->is_boolean()) return complain(name, "must be true or false");
    to = value->get<bool>();
  }
  template <typename Integer>
  bool integer(const char* name, Integer& to) {
    const json* value = take(name);
    if (value == nullptr) return false;
    if (!read_integer(*value, to)) {
      complain(name, "must be a whole number in range");
      return false;
    }
    return true;
  }
  template <typename Integer>
  static bool read_integer(const json& value, Integer& to) {
    if (value.is_number_unsigned()) {
      const auto number = value.get<std::uint64_t>();
      if (!std::in_range<Integer>(number)) return false;
      to = static_cast<Integer>(number);
      return true;
    }
    if (!value.is_number_integer()) return false;
    const auto number = value.get<std::int64_t>();
    if (!std::in_range<Integer>(number)) return false;
    to = static_cast<Integer>(number);
    return true;
  }
  void strings(const char* name, std::vector<std::string>& to) {
    each(name, [&](const json& item, const std::string& path) {
      if (!item.is_string() || item.get_ref<const std::string&>().find('\0') != std::string::npos) {
        return complain_at(path, "must be a string without zero bytes");
      }
      to.push_back(item.get<std::string>());
    });
  }
  template <typename Function>
  void each(const char* name, const Function& function) {
    const json* value = take(name);
    if (value == nullptr || value->is_null()) return;
    if (!value->is_array()) return complain(name, "must be an array");
    for (std::size_t i = 0; i < value->size(); ++i) {
      function((*value)[i], name_of(name) + "[" + std::to_string(i) + "]");
    }
  }
  // A property this launcher knows but does not carry out may stand there only if it asks for
  // nothing (null, false, empty).
  void finish() {
    if (!object_.is_object()) return;
    for (const auto& [name, value] : object_.items()) {
      if (std::ranges::find(taken_, name) != taken_.end()) continue;
      if (value.is_null() || value == false || ((value.is_structured()) && value.empty())) continue;
      complain(name, "is not supported");
    }
  }
  void complain(const std::string& name, const char* what) { complain_at(name_of(name), what); }
  void complain_at(const std::string& path, const std::string& what) {
    if (fault_.empty()) fault_ = path + " " + what;
  }
  [[nodiscard]] std::string name_of(const std::string& name) const {
    if (path_.empty()) return name.empty() ? "the document" : name;
    return name.empty() ? path_ : path_ + "." + name;
  }
  [[nodiscard]] std::string& fault() { return fault_; }

 private:
  const json& object_;
  std::string path_;
  std::string& fault_;
  std::vector<std::string> taken_;
};

void read_user(const json& value, User& user, std::string& fault) {
  ObjectReader reader(value, "process.user", fault);
  reader.integer("uid", user.uid);
  reader.integer("gid", user.gid);
  mode_t umask = 0;
  if (reader.integer("umask", umask)) {
    if (umask > 0777) reader.complain("umask", "must be at most 0777");
    user.umask = umask;
  }
  reader.each("additionalGids", [&](const json& item, const std::string& path) {
    gid_t gid = 0;
    if (!ObjectReader::read_integer(item, gid)) {
      return reader.complain_at(path, "must be a whole number in range");
    }
    user.additional_gids.push_back(gid);
  });
  reader.finish();
}

void read_capabilities(const json& value, Capabilities& capabilities, std::string& fault) {
  ObjectReader reader(value, "process.capabilities", fault);
  const std::array<std::pair<const char*, std::vector<std::string>*>, 5> sets{
      {{"bounding", &capabilities.bounding},
       {"effective", &capabilities.effective},
       {"inheritable", &capabilities.inheritable},
       {"permitted", &capabilities.permitted},
       {"ambient", &capabilities.ambient}}};
  for (const auto& [name, set] : sets) {
    reader.strings(name, *set);
    for (const auto& capability : *set) {
      if (capability_number(capability) < 0) {
        reader.complain_at(reader.name_of(name),
                           "names " + capability + ", which is not a capability");
      }
    }
  }
  reader.finish();
}

void read_rlimit(const json& value, const std::string& path, Process& process, std::string& fault) {
  ObjectReader reader(value, path, fault);
  Rlimit limit;
  reader.string("type", limit.type);
  if (rlimit_number(limit.type) < 0) reader.complain("type", "is not a resource limit");
  if (!reader.integer("soft", limit.soft)) reader.complain("soft", "is missing");
  if (!reader.integer("hard", limit.hard)) reader.complain("hard", "is missing");
  reader.finish();
  for (const auto& other : process.rlimits) {
    if (other.type == limit.type) reader.complain("type", "stands twice");
  }
  process.rlimits.push_back(std::move(limit));
}

void read_process(const json& value, Process& process, std::string& fault) {
  ObjectReader reader(value, "process", fault);
  reader.strings("args", process.args);
  reader.strings("env", process.env);
  reader.string("cwd", process.cwd);
  if (!process.cwd.starts_with('/')) reader.complain("cwd", "must be an absolute path");
  if (const json* user = reader.take("user")) read_user(*user, process.user, fault);
  if (const json* sets = reader.take("capabilities")) {
    read_capabilities(*sets, process.capabilities, fault);
  }
  reader.each("rlimits", [&](const json& item, const std::string& path) {
    read_rlimit(item, path, process, fault);
  });
  process.no_new_privileges = false;  // OCI: absent is false
  reader.boolean("noNewPrivileges", process.no_new_privileges);
  int adjustment = 0;
  if (reader.integer("oomScoreAdj", adjustment)) {
    if (adjustment < -1000 || adjustment > 1000) {
      reader.complain("oomScoreAdj", "must be between -1000 and 1000");
    }
    process.oom_score_adj = adjustment;
  }
  reader.finish();
}

void read_mount(const json& value, const std::string& path, Spec& spec, std::string& fault) {
  ObjectReader reader(value, path, fault);
  Mount mount;
  reader.string("destination", mount.destination);
  if (!mount.destination.starts_with('/')) {
    reader.complain("destination", "must be an absolute path");
  }
  reader.string("type", mount.type);
  reader.string("source", mount.source);
  reader.strings("options", mount.options);
  for (const auto& option : mount.options) {
    if (option == "tmpcopyup" || option == "idmap" || option == "ridmap" ||
        option.starts_with("context=")) {
      reader.complain_at(reader.name_of("options"),
                         "contains " + option + ", which is not supported");
    }
  }
  const bool bind = mount.type == "bind" ||
                    std::ranges::find(mount.options, "bind") != mount.options.end() ||
                    std::ranges::find(mount.options, "rbind") != mount.options.end();
  if (bind && !mount.source.starts_with('/')) {
    reader.complain("source", "must be an absolute path for a bind mount");
  }
  if (!bind && mount.type.empty()) reader.complain("type", "is missing");
  reader.finish();
  spec.mounts.push_back(std::move(mount));
}

void read_namespace(const json& value, const std::string& path, Spec& spec, std::string& fault) {
  ObjectReader reader(value, path, fault);
  Namespace entry;
  std::string type;
  reader.string("type", type);
  reader.string("path", entry.path);
  bool known = false;
  for (int i = 0; i <= static_cast<int>(NamespaceType::cgroup) && !known; ++i) {
    entry.type = static_cast<NamespaceType>(i);
    known = type == namespace_name(entry.type);
  }
  if (!known) {
    reader.complain_at(path, "asks for the namespace \"" + type + "\", which is not supported");
  } else if (spec.has_namespace(entry.type)) {
    reader.complain_at(path, "repeats the namespace " + type);
  }
  if (!entry.path.empty() &&
      (entry.type == NamespaceType::mount || entry.type == NamespaceType::user)) {
    reader.complain("path", "is not supported for mount and user namespaces");
  }
  reader.finish();
  if (known) spec.namespaces.push_back(std::move(entry));
}

void read_mapping(const json& value, const std::string& path, std::vector<IdMapping>& to,
                  std::string& fault) {
  ObjectReader reader(value, path, fault);
  IdMapping mapping;
  if (!reader.integer("containerID", mapping.container_id) ||
      !reader.integer("hostID", mapping.host_id) || !reader.integer("size", mapping.size)) {
    reader.complain("", "needs containerID, hostID and size");
  }
  reader.finish();
  to.push_back(mapping);
}

void read_linux(const json& value, Spec& spec, std::string& fault) {
  ObjectReader reader(value, "linux", fault);
  reader.each("namespaces", [&](const json& item, const std::string& path) {
    read_namespace(item, path, spec, fault);
  });
  reader.each("uidMappings", [&](const json& item, const std::string& path) {
    read_mapping(item, path, spec.uid_mappings, fault);
  });
  reader.each("gidMappings", [&](const json& item, const std::string& path) {
    read_mapping(item, path, spec.gid_mappings, fault);
  });
  reader.strings("maskedPaths", spec.masked_paths);
  reader.strings("readonlyPaths", spec.readonly_paths);
  reader.finish();
}

void read_annotations(const json& value, Spec& spec, std::string& fault) {
  ObjectReader reader(value, "annotations", fault);
  if (!value.is_object()) return;
  for (const auto& [name, text] : value.items()) {
    if (!text.is_string()) return reader.complain(name, "must be a string");
    const auto& content = text.get_ref<const std::string&>();
    if (name == kInitAnnotation) {
      if (content != "true" && content != "false") {
        reader.complain(name, "must be \"true\" or \"false\"");
      }
      spec.init = content == "true";
    } else if (name == kSeccompAnnotation) {
      if (content != "default" && content != "unconfined") {
        reader.complain(name, "must be \"default\" or \"unconfined\"");
      }
      spec.seccomp =
          content == "default" ? SeccompProfile::container_default : SeccompProfile::unconfined;
    } else {
      spec.annotations[name] = content;
    }
  }
}

void read_root(const json& value, Spec& spec, std::string& fault) {
  ObjectReader reader(value, "root", fault);
  reader.string("path", spec.root_path);
  if (spec.root_path.empty()) reader.complain("path", "is missing");
  reader.boolean("readonly", spec.root_readonly);
  reader.finish();
}

void read_document(const json& document, Spec& spec, std::string& fault) {
  ObjectReader reader(document, "", fault);
  spec.oci_version.clear();
  reader.string("ociVersion", spec.oci_version);
  if (!spec.oci_version.starts_with("1.")) reader.complain("ociVersion", "must be 1.x");
  if (const json* process = reader.take("process")) {
    read_process(*process, spec.process, fault);
  } else {
    reader.complain("process", "is missing");
  }
  if (const json* root = reader.take("root")) {
    read_root(*root, spec, fault);
  } else {
    reader.complain("root", "is missing");
  }
  reader.string("hostname", spec.hostname);
  reader.each("mounts", [&](const json& item, const std::string& path) {
    read_mount(item, path, spec, fault);
  });
  if (const json* section = reader.take("linux")) read_linux(*section, spec, fault);
  spec.seccomp = SeccompProfile::unconfined;  // OCI: no linux.seccomp, no filter
  if (const json* notes = reader.take("annotations")) read_annotations(*notes, spec, fault);
  reader.finish();
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

json write_process(const Process& process) {
  json user{{"uid", process.user.uid}, {"gid", process.user.gid}};
  if (!process.user.additional_gids.empty()) {
    user["additionalGids"] = process.user.additional_gids;
  }
  if (process.user.umask) user["umask"] = *process.user.umask;
  const Capabilities& sets = process.capabilities;
  json result{{"user", std::move(user)},
              {"args", process.args},
              {"env", process.env},
              {"cwd", process.cwd},
              {"capabilities",
               {{"bounding", sets.bounding},
                {"effective", sets.effective},
                {"inheritable", sets.inheritable},
                {"permitted", sets.permitted},
                {"ambient", sets.ambient}}},
              {"noNewPrivileges", process.no_new_privileges}};
  for (const auto& limit : process.rlimits) {
    result["rlimits"].push_back({{"type", limit.type}, {"soft", limit.soft}, {"hard", limit.hard}});
  }
  if (process.oom_score_adj) result["oomScoreAdj"] = *process.oom_score_adj;
  return result;
}

json write_linux(const Spec& spec) {
  json result{{"maskedPaths", spec.masked_paths}, {"readonlyPaths", spec.readonly_paths}};
  result["namespaces"] = json::array();
  for (const auto& entry : spec.namespaces) {
    json item{{"type", namespace_name(entry.type)}};
    if (!entry.path.empty()) item["path"] = entry.path;
    result["namespaces"].push_back(std::move(item));
  }
  if (!spec.uid_mappings.empty()) result["uidMappings"] = write_mappings(spec.uid_mappings);
  if (!spec.gid_mappings.empty()) result["gidMappings"] = write_mappings(spec.gid_mappings);
  return result;
}

}  // namespace

Result<Spec> parse_config(const std::string& text, const std::string& where) {
  CGW_ASSIGN(const json document, parse_json_object(text, "use the OCI config", where));
  Spec spec;
  std::string fault;
  read_document(document, spec, fault);
  if (!fault.empty()) return fail(Error::invalid("use the OCI config", where, std::move(fault)));
  return spec;
}

std::string to_config(const Spec& spec) {
  json mounts = json::array();
  for (const auto& mount : spec.mounts) {
    json item{{"destination", mount.destination}};
    if (!mount.type.empty()) item["type"] = mount.type;
    if (!mount.source.empty()) item["source"] = mount.source;
    if (!mount.options.empty()) item["options"] = mount.options;
    mounts.push_back(std::move(item));
  }
  json annotations = spec.annotations;
  annotations[kInitAnnotation] = spec.init ? "true" : "false";
  annotations[kSeccompAnnotation] =
      spec.seccomp == SeccompProfile::container_default ? "default" : "unconfined";
  json document{{"ociVersion", spec.oci_version},
                {"process", write_process(spec.process)},
                {"root", {{"path", spec.root_path}, {"readonly", spec.root_readonly}}},
                {"mounts", std::move(mounts)},
                {"linux", write_linux(spec)},
                {"annotations", std::move(annotations)}};
  if (!spec.hostname.empty()) document["hostname"] = spec.hostname;
  // Bytes that are not UTF-8 (an argument may hold any) cannot stand in JSON: replaced, not thrown.
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace cgwarden::launcher
