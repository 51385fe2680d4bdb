// The path of a cgroup and every file that names something: all of it may be written by a
// container.
#include "identity/host_names.h"
#include "identity/names.h"
#include "identity/subject.h"

#include "tests/fuzz/fuzz_target.h"

namespace {

using namespace cgwarden;

void check_path(const std::string& path) {
  const identity::Identity found = identity::of_path(path);
  fuzz::require(identity::of_path(path) == found, "the same path is the same identity");
  fuzz::require(found.unit.size() <= 255, "a unit has a unit's name");
  fuzz::require(found.container_id.empty() || !found.container_id.starts_with('/'),
                "an id is a part of the path");
  const bool container = found.kind == identity::Kind::container ||
                         found.kind == identity::Kind::machine || found.kind == identity::Kind::vm;
  fuzz::require(!container || !found.container.empty() || !found.container_id.empty(),
                "what is a container has a name");
  if (const auto subject = identity::subject_of(found)) {
    fuzz::require(identity::parse_subject_key(identity::to_key(*subject)) == subject,
                  "a key of the store is one subject");
  }
  if (const auto subject = identity::parse_subject_key(path)) {
    fuzz::require(identity::to_key(*subject) == path, "a subject has one key");
  }
  for (const auto& question : identity::questions_about(found)) {
    fuzz::require(!question.name.empty(), "a question is about something");
  }
}

void check_names(const Result<identity::Names>& names) {
  if (!names) {
    fuzz::require_clean_error(names.error());
    return;
  }
  const auto& claimed = names->claimed;
  fuzz::require(!claimed.sandbox || claimed.container.empty(), "a sandbox has no container's name");
  fuzz::require(names->pod.empty() && names->pod_uid.empty() && !names->sandbox,
                "what an image may have said is no pod");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text_of(data, size));
  check_path(text);
  check_names(identity::parse_docker_config(text, "config.v2.json"));
  check_names(identity::parse_oci_annotations(text, "config.json"));
  const auto list = identity::parse_containers_json(text, "containers.json");
  if (!list) fuzz::require_clean_error(list.error());
  const auto root = identity::parse_docker_data_root(text, "daemon.json");
  if (!root) fuzz::require_clean_error(root.error());
  if (const auto log = identity::parse_container_log(text)) {
    fuzz::require(identity::is_container_id(log->id), "a log belongs to a container");
    fuzz::require(!log->names.pod.empty() && !log->names.container.empty(), "a log names its pod");
  }
  static_cast<void>(identity::parse_pod_log_directory(text));
  static_cast<void>(identity::parse_storage_key(text, "graphroot"));
  static_cast<void>(identity::parse_state_variable(text, "NAME"));
  static_cast<void>(identity::parse_account(text, 1000));
  return 0;
}
