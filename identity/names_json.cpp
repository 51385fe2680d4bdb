// The parsers of names.h whose files are JSON.
#include <nlohmann/json.hpp>

#include "identity/names.h"

namespace cgwarden::identity {
namespace {

using nlohmann::json;

Result<json> parse(const std::string& text, const std::string& where) {
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded() || !(value.is_object() || value.is_array())) {
    return fail(Error::malformed("read", where, "it is not a JSON document"));
  }
  return value;
}

// A member that is a text; "" when it is missing or something else.
std::string text_of(const json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

json member(const json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() ? *found : json();
}

std::string first_of(const json& object, std::initializer_list<const char*> keys) {
  for (const auto* key : keys) {
    if (std::string text = text_of(object, key); !text.empty()) return text;
  }
  return {};
}

// The labels that kubelet gives every container, also as annotations of cri-o.
PodLabels pod_labels(const json& labels) {
  PodLabels names;
  names.container =
      first_of(labels, {"io.kubernetes.cri.container-name", "io.kubernetes.container.name"});
  names.pod = first_of(labels, {"io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"});
  names.pod_namespace =
      first_of(labels, {"io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"});
  names.uid = first_of(labels, {"io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"});
  const auto type =
      first_of(labels, {"io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType",
                        "io.kubernetes.docker.type"});
  names.sandbox = type == "sandbox" || type == "podsandbox";
  if (names.sandbox) names.container.clear();  // "POD": the pod's, not one that somebody wrote
  return names;
}

}  // namespace

Result<Names> parse_docker_config(const std::string& text, const std::string& where) {
  CGW_ASSIGN(const json document, parse(text, where));
  const json config = member(document, "Config");
  Names names;
  names.claimed = pod_labels(member(config, "Labels"));
  names.runtime = "docker";
  names.image = text_of(config, "Image");
  names.container = text_of(document, "Name");
  if (names.container.starts_with('/')) names.container.erase(0, 1);
  return names;
}

Result<Names> parse_oci_annotations(const std::string& text, const std::string& where) {
  CGW_ASSIGN(const json document, parse(text, where));
  const json annotations = member(document, "annotations");
  Names names;
  names.claimed = pod_labels(annotations);
  names.image =
      first_of(annotations, {"io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName"});
  names.container = text_of(annotations, "nerdctl/name");
  return names;
}

Result<std::map<std::string, Names>> parse_containers_json(const std::string& text,
                                                           const std::string& where) {
  CGW_ASSIGN(const json document, parse(text, where));
  if (!document.is_array()) return fail(Error::malformed("read", where, "it is not a JSON array"));
  std::map<std::string, Names> containers;
  for (const json& entry : document) {
    const std::string id = text_of(entry, "id");
    if (!is_container_id(id)) continue;
    Names names;
    const json list = member(entry, "names");
    if (list.is_array() && !list.empty() && list.front().is_string()) {
      names.container = list.front().get<std::string>();
    }
    // A JSON document of its own, as a text.
    const json metadata = json::parse(text_of(entry, "metadata"), nullptr, false);
    if (!metadata.is_discarded()) {
      names.image = text_of(metadata, "image-name");
      if (std::string name = text_of(metadata, "name"); !name.empty()) names.container = name;
    }
    containers.emplace(id, std::move(names));
  }
  return containers;
}

Result<std::optional<std::string>> parse_docker_data_root(const std::string& text,
                                                          const std::string& where) {
  CGW_ASSIGN(const json document, parse(text, where));
  std::string root = text_of(document, "data-root");
  if (root.empty()) return std::optional<std::string>();
  return std::optional<std::string>(std::move(root));
}

}  // namespace cgwarden::identity
