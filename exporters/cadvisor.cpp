#include "exporters/cadvisor.h"

#include "exporters/escape.h"

namespace cgwarden::exporters {
namespace {

using identity::Identity;
using identity::Kind;

bool of_kubernetes(const Identity& identity) {
  // podman's pods have an id where Kubernetes' have a uid.
  return !identity.pod.empty() ||
         (!identity.pod_uid.empty() && !identity::is_container_id(identity.pod_uid));
}

// A container in the wide sense: what has a `name`.
bool is_container(Kind kind) {
  return kind == Kind::container || kind == Kind::sandbox || kind == Kind::machine ||
         kind == Kind::vm || kind == Kind::workload;
}

}  // namespace

std::string cadvisor_labels(const cgroup::Sample& sample, const identity::Known* known) {
  std::string labels = label("id", sample.path);
  if (known == nullptr) return labels;
  const Identity& identity = known->identity;
  if (!is_container(identity.kind) && identity.kind != Kind::pod) return labels;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) labels += "," + label(name, value);
  };
  const bool kubernetes = of_kubernetes(identity);
  if (is_container(identity.kind)) {
    const bool by_id = kubernetes || identity.container.empty();
    add("name", by_id ? identity.container_id : identity.container);
    add("image", identity.image);
    if (kubernetes && identity.kind != Kind::sandbox) add("container", identity.container);
  }
  add("pod", identity.pod);
  add("namespace", identity.pod_namespace);
  return labels;
}

}  // namespace cgwarden::exporters
