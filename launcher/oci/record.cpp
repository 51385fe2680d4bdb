#include <nlohmann/json.hpp>

#include <utility>

#include "launcher/json.h"
#include "launcher/oci/container.h"

namespace cgwarden::launcher::oci {
namespace {

using nlohmann::json;

constexpr int kRecordVersion = 1;

template <typename Document>
std::string text_of(const Document& document) {
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

template <typename T>
bool take(const json& document, const char* name, T& to) {
  const auto found = document.find(name);
  if (found == document.end()) return false;
  if constexpr (std::is_same_v<T, std::string>) {
    if (!found->is_string()) return false;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!found->is_boolean()) return false;
  } else {
    if (!found->is_number_integer()) return false;
  }
  to = found->get<T>();
  return true;
}

}  // namespace

std::string_view to_string(ContainerStatus status) {
  switch (status) {
    case ContainerStatus::creating:
      return "creating";
    case ContainerStatus::created:
      return "created";
    case ContainerStatus::running:
      return "running";
    case ContainerStatus::paused:
      return "paused";
    case ContainerStatus::stopped:
      return "stopped";
  }
  return "unknown";
}

std::string to_json(const ContainerRecord& record) {
  return text_of(json{{"version", kRecordVersion},
                      {"ociVersion", record.oci_version},
                      {"id", record.id},
                      {"pid", record.pid},
                      {"startTime", record.start_time},
                      {"creating", record.creating},
                      {"started", record.started},
                      {"bundle", record.bundle},
                      {"rootfs", record.rootfs},
                      {"created", record.created},
                      {"owner", record.owner},
                      {"ownPidNamespace", record.own_pid_namespace},
                      {"cgroup",
                       {{"driver", to_string(record.cgroup.driver)},
                        {"path", record.cgroup.path},
                        {"unit", record.cgroup.unit},
                        {"made", record.cgroup_made}}},
                      {"annotations", record.annotations}});
}

Result<ContainerRecord> parse_container_record(const std::string& text, const std::string& where) {
  CGW_ASSIGN(const json document, parse_json_object(text, "read the state", where));
  ContainerRecord record;
  int version = 0;
  if (!take(document, "version", version) || version != kRecordVersion) {
    return fail(Error::malformed("read the state", where, "it is of another version"));
  }
  std::string driver;
  const auto cgroup = document.find("cgroup");
  const bool complete =
      take(document, "ociVersion", record.oci_version) && take(document, "id", record.id) &&
      take(document, "pid", record.pid) && take(document, "startTime", record.start_time) &&
      take(document, "creating", record.creating) && take(document, "started", record.started) &&
      take(document, "bundle", record.bundle) && take(document, "rootfs", record.rootfs) &&
      take(document, "created", record.created) && take(document, "owner", record.owner) &&
      cgroup != document.end() && cgroup->is_object() && take(*cgroup, "driver", driver) &&
      take(*cgroup, "path", record.cgroup.path) && take(*cgroup, "unit", record.cgroup.unit) &&
      take(*cgroup, "made", record.cgroup_made);
  if (!complete) {
    return fail(Error::malformed("read the state", where, "a property is missing or malformed"));
  }
  const auto known = parse_cgroup_driver(driver);
  if (!known)
    return fail(Error::malformed("read the state", where, "its cgroup driver is unknown"));
  record.cgroup.driver = *known;
  // Absent in what older versions have written.
  (void)take(document, "ownPidNamespace", record.own_pid_namespace);
  if (const auto notes = document.find("annotations");
      notes != document.end() && notes->is_object()) {
    for (const auto& [name, value] : notes->items()) {
      if (value.is_string()) record.annotations[name] = value.get<std::string>();
    }
  }
  return record;
}

std::string state_json(const ContainerRecord& record, ContainerStatus status) {
  // In the order of the specification, which is how people read it.
  nlohmann::ordered_json document{
      {"ociVersion", record.oci_version},
      {"id", record.id},
      {"pid", status == ContainerStatus::stopped || record.pid < 0 ? 0 : record.pid},
      {"status", to_string(status)},
      {"bundle", record.bundle},
      {"rootfs", record.rootfs},
      {"created", record.created}};
  document["annotations"] = record.annotations;
  document["owner"] = record.owner == 0 ? "root" : std::to_string(record.owner);
  return text_of(document);
}

}  // namespace cgwarden::launcher::oci
