#include "exporters/metrics.h"

#include <sys/mman.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "exporters/catalog.h"
#include "exporters/escape.h"
#include "exporters/family_text.h"

namespace cgwarden::exporters {
namespace {

// Lines of one family, written straight into the page. The header goes out with the first line, so
// that a family without samples does not appear.
class FamilyLines final : public LineSink {
 public:
  FamilyLines(std::string& out, const Metric& metric, Exposition exposition)
      : out_(out), metric_(metric), exposition_(exposition), prefix_(metric.name) {
    prefix_ += '{';
  }

  // `labels`: of the cgroup or workload the next lines are about; must outlive them.
  void about(std::string_view labels) { labels_ = labels; }

  void line(std::string_view labels, Value value) override {
    if (!begun_) append_family_header(out_, metric_, exposition_);
    begun_ = true;
    out_ += prefix_;
    out_ += labels_;
    if (!labels.empty()) {
      out_ += ',';
      out_ += labels;
    }
    out_ += "} ";
    value.append_to(out_);
    out_ += '\n';
  }

 private:
  std::string& out_;
  const Metric& metric_;
  Exposition exposition_;
  std::string prefix_;
  std::string_view labels_;
  bool begun_ = false;
};

// Those that are and those that went: their paths differ.
std::vector<const cgroup::Sample*> shown_samples(const cgroup::Snapshot& snapshot) {
  std::vector<const cgroup::Sample*> shown;
  shown.reserve(snapshot.samples().size() + snapshot.gone().size());
  for (const auto& sample : snapshot.samples()) shown.push_back(&sample);
  for (const auto& sample : snapshot.gone()) shown.push_back(&sample);
  return shown;
}

// The escaped labels of each sample, built once for all families.
std::vector<std::string> cgroup_labels(const View& view,
                                       const std::vector<const cgroup::Sample*>& samples) {
  std::vector<std::string> labels;
  labels.reserve(samples.size());
  for (const cgroup::Sample* sample : samples) {
    std::string& text = labels.emplace_back(label("cgroup", sample->path));
    const auto workload = view.workload_of_cgroup.find(sample->path);
    if (workload != view.workload_of_cgroup.end()) {
      text += ',';
      text += label("workload", workload->second);
    }
  }
  return labels;
}

// An estimate from above, so that the page is not copied while it grows; memory that is not written
// to costs nothing.
std::size_t expected_bytes(const std::vector<std::string>& labels) {
  constexpr std::size_t kSeriesPerCgroup = 64;
  constexpr std::size_t kNameAndValue = 80;
  std::size_t bytes = 64 * 1024;
  for (const auto& text : labels) bytes += (text.size() + kNameAndValue) * kSeriesPerCgroup;
  return bytes;
}

// Asks for huge pages behind the untouched part of a large page: the page faults of 76 MB take
// longer than writing it (65 ms in all with 4 KiB pages, 28 ms with 2 MiB pages). Only a hint.
void want_huge_pages(std::string& text) {
  constexpr std::size_t kWorthwhile = 8U * 1024U * 1024U;
  constexpr std::uintptr_t kPage = 4096;
  if (text.capacity() < kWorthwhile) return;
  const auto begin = (reinterpret_cast<std::uintptr_t>(text.data()) + kPage - 1) & ~(kPage - 1);
  const auto end = (reinterpret_cast<std::uintptr_t>(text.data()) + text.capacity()) & ~(kPage - 1);
  static_cast<void>(::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE));
}

void append_cgroups(std::string& out, const View& view, Exposition exposition) {
  const std::vector<const cgroup::Sample*> samples = shown_samples(*view.snapshot);
  const std::vector<std::string> labels = cgroup_labels(view, samples);
  out.reserve(out.size() + expected_bytes(labels));
  want_huge_pages(out);
  for (const CgroupMetric& metric : cgroup_metrics()) {
    FamilyLines lines(out, metric.metric, exposition);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      lines.about(labels[i]);
      for (const CgroupSeries& series : metric.series) {
        const auto value = series.read(*samples[i]);
        if (value) lines.line(series.labels, *value);
      }
      if (metric.visit != nullptr) metric.visit(*samples[i], lines);
    }
  }
}

void append_workloads(std::string& out, const View& view, Exposition exposition) {
  std::vector<std::string> labels;
  labels.reserve(view.workloads.size());
  for (const auto& workload : view.workloads) {
    labels.push_back(label("workload", workload.workload));
  }
  for (const WorkloadMetric& metric : workload_metrics()) {
    FamilyLines lines(out, metric.metric, exposition);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      lines.about(labels[i]);
      metric.visit(view.workloads[i], lines);
    }
  }
}

}  // namespace

std::string render_metrics(const View& view, Exposition exposition) {
  std::string out;
  if (view.snapshot) append_cgroups(out, view, exposition);
  append_workloads(out, view, exposition);
  return out;
}

}  // namespace cgwarden::exporters
