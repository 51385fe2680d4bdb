#include "exporters/cadvisor.h"

#include "exporters/escape.h"
#include "exporters/family_lines.h"

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

std::string render_cadvisor(const View& view, Exposition exposition) {
  std::string out;
  if (!view.snapshot) return out;
  const auto& samples = view.snapshot->samples();
  std::vector<std::string> labels;
  labels.reserve(samples.size());
  for (const auto& sample : samples) {
    labels.push_back(cadvisor_labels(sample, view.known(sample.id)));
  }
  for (const CadvisorMetric& metric : cadvisor_metrics()) {
    FamilyLines lines(out, metric.metric, exposition);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      lines.about(labels[i]);
      for (const CgroupSeries& series : metric.series) {
        if (const auto value = series.read(samples[i])) lines.line(series.labels, *value);
      }
      if (metric.visit == nullptr) continue;
      metric.visit(
          {samples[i], view.known(samples[i].id), view.device_names.get(), view.snapshot->taken()},
          lines);
    }
  }
  return out;
}

}  // namespace cgwarden::exporters
