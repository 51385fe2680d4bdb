#include "exporters/page_writer.h"

#include "exporters/escape.h"
#include "exporters/family_text.h"

namespace cgwarden::exporters {
namespace {

class CgroupSection final : public PageSection {
 public:
  explicit CgroupSection(const PublishedView& view)
      : samples_(view.view().snapshot->samples()), labels_(view.labels().cgroups) {}
  [[nodiscard]] std::size_t families() const override { return cgroup_metrics().size(); }
  [[nodiscard]] const Metric& metric(std::size_t family) const override {
    return cgroup_metrics()[family].metric;
  }
  [[nodiscard]] std::size_t rows() const override { return labels_.size(); }
  void write(std::size_t family, std::size_t row, FamilyLines& lines) const override {
    const CgroupMetric& metric = cgroup_metrics()[family];
    lines.about(labels_[row]);
    for (const CgroupSeries& series : metric.series) {
      const auto value = series.read(samples_[row]);
      if (value) lines.line(series.labels, *value);
    }
    if (metric.visit != nullptr) metric.visit(samples_[row], lines);
  }

 private:
  const std::vector<cgroup::Sample>& samples_;
  const std::vector<std::string>& labels_;
};

class WorkloadSection final : public PageSection {
 public:
  explicit WorkloadSection(const PublishedView& view)
      : workloads_(view.view().workloads), labels_(view.labels().workloads) {}
  [[nodiscard]] std::size_t families() const override { return workload_metrics().size(); }
  [[nodiscard]] const Metric& metric(std::size_t family) const override {
    return workload_metrics()[family].metric;
  }
  [[nodiscard]] std::size_t rows() const override { return labels_.size(); }
  void write(std::size_t family, std::size_t row, FamilyLines& lines) const override {
    lines.about(labels_[row]);
    workload_metrics()[family].visit(workloads_[row], lines);
  }

 private:
  const std::vector<WorkloadCounters>& workloads_;
  const std::vector<std::string>& labels_;
};

}  // namespace

RowLabels row_labels(const View& view) {
  RowLabels labels;
  if (view.snapshot) {
    labels.cgroups.reserve(view.snapshot->samples().size());
    for (const auto& sample : view.snapshot->samples()) {
      std::string& text = labels.cgroups.emplace_back(label("cgroup", sample.path));
      const auto workload = view.workload_of_cgroup.find(sample.path);
      if (workload != view.workload_of_cgroup.end()) {
        text += ',';
        text += label("workload", workload->second);
      }
    }
  }
  labels.workloads.reserve(view.workloads.size());
  for (const auto& workload : view.workloads) {
    labels.workloads.push_back(label("workload", workload.workload));
  }
  return labels;
}

FamilyLines::FamilyLines(const Metric& metric, Exposition exposition)
    : metric_(&metric), exposition_(exposition), prefix_(metric.name) {
  prefix_ += '{';
}

void FamilyLines::line(std::string_view labels, Value value) {
  if (!begun_) append_family_header(*out_, *metric_, exposition_);
  begun_ = true;
  *out_ += prefix_;
  *out_ += labels_;
  if (!labels.empty()) {
    *out_ += ',';
    *out_ += labels;
  }
  *out_ += "} ";
  value.append_to(*out_);
  *out_ += '\n';
}

std::vector<std::unique_ptr<const PageSection>> page_sections(const PublishedView& view) {
  std::vector<std::unique_ptr<const PageSection>> sections;
  if (view.view().snapshot) sections.push_back(std::make_unique<CgroupSection>(view));
  sections.push_back(std::make_unique<WorkloadSection>(view));
  return sections;
}

PageWriter::PageWriter(const PublishedView& view, Exposition exposition)
    : exposition_(exposition), sections_(page_sections(view)) {}

bool PageWriter::append(std::string& out, std::size_t bytes) {
  for (; section_ < sections_.size(); ++section_, family_ = 0) {
    const PageSection& section = *sections_[section_];
    const std::size_t rows = section.rows();
    for (; family_ < section.families(); ++family_, row_ = 0) {
      if (!lines_) lines_ = std::make_unique<FamilyLines>(section.metric(family_), exposition_);
      lines_->to(out);
      while (row_ < rows) {
        if (out.size() >= bytes) return true;
        section.write(family_, row_++, *lines_);
      }
      lines_.reset();
    }
  }
  return false;
}

}  // namespace cgwarden::exporters
