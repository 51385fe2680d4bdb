#include "exporters/page_writer.h"

#include "exporters/cadvisor.h"
#include "exporters/escape.h"
#include "exporters/family_text.h"

namespace cgwarden::exporters {
namespace {

class CgroupSection final : public PageSection {
 public:
  explicit CgroupSection(const PublishedView& view)
      : view_(view.view()), rows_(view.rows(PageKind::metrics)) {
    for (const CgroupMetric& metric : cgroup_metrics()) {
      if (!metric.group || view_.groups.has(*metric.group)) shown_.push_back(&metric);
    }
  }
  [[nodiscard]] std::size_t families() const override { return shown_.size(); }
  [[nodiscard]] const Metric& metric(std::size_t family) const override {
    return shown_[family]->metric;
  }
  [[nodiscard]] std::size_t rows() const override { return rows_.cgroups.size(); }
  void write(std::size_t family, std::size_t row, FamilyLines& lines) const override {
    const CgroupMetric& metric = *shown_[family];
    const cgroup::Sample& sample = *rows_.cgroups[row];
    lines.about(rows_.cgroup_labels[row]);
    for (const CgroupSeries& series : metric.series) {
      const auto value = series.read(sample);
      if (value) lines.line(series.labels, *value);
    }
    if (metric.visit != nullptr) metric.visit(sample, lines);
    if (metric.describe != nullptr) metric.describe(sample, view_.known(sample.id), lines);
  }

 private:
  const View& view_;
  const PageRows& rows_;
  std::vector<const CgroupMetric*> shown_;
};

class WorkloadSection final : public PageSection {
 public:
  explicit WorkloadSection(const PublishedView& view)
      : workloads_(view.view().workloads), labels_(view.rows(PageKind::metrics).workload_labels) {}
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

class SubjectSection final : public PageSection {
 public:
  explicit SubjectSection(const PublishedView& view)
      : subjects_(view.view().subjects), labels_(view.rows(PageKind::metrics).subject_labels) {}
  [[nodiscard]] std::size_t families() const override { return subject_metrics().size(); }
  [[nodiscard]] const Metric& metric(std::size_t family) const override {
    return subject_metrics()[family].metric;
  }
  [[nodiscard]] std::size_t rows() const override { return labels_.size(); }
  void write(std::size_t family, std::size_t row, FamilyLines& lines) const override {
    const SubjectMetric& metric = subject_metrics()[family];
    if (subjects_[row].subject.kind != metric.kind) return;
    lines.about(labels_[row]);
    metric.visit(subjects_[row], lines);
  }

 private:
  const std::vector<SubjectCounters>& subjects_;
  const std::vector<std::string>& labels_;
};

class DeviceSection final : public PageSection {
 public:
  explicit DeviceSection(const identity::DeviceNames& names) {
    for (const auto& device : names) labels_.push_back(device_labels(device));
  }
  [[nodiscard]] std::size_t families() const override { return 1; }
  [[nodiscard]] const Metric& metric(std::size_t /*family*/) const override {
    return block_device_metric();
  }
  [[nodiscard]] std::size_t rows() const override { return labels_.size(); }
  void write(std::size_t /*family*/, std::size_t row, FamilyLines& lines) const override {
    lines.about(labels_[row]);
    lines.line("", Value::count(1));
  }

 private:
  std::vector<std::string> labels_;
};

class CadvisorSection final : public PageSection {
 public:
  explicit CadvisorSection(const PublishedView& view)
      : view_(view.view()), rows_(view.rows(PageKind::cadvisor)) {}
  [[nodiscard]] std::size_t families() const override { return cadvisor_metrics().size(); }
  [[nodiscard]] const Metric& metric(std::size_t family) const override {
    return cadvisor_metrics()[family].metric;
  }
  [[nodiscard]] std::size_t rows() const override { return rows_.cgroups.size(); }
  void write(std::size_t family, std::size_t row, FamilyLines& lines) const override {
    const CadvisorMetric& metric = cadvisor_metrics()[family];
    const cgroup::Sample& sample = *rows_.cgroups[row];
    lines.about(rows_.cgroup_labels[row]);
    for (const CgroupSeries& series : metric.series) {
      if (const auto value = series.read(sample)) lines.line(series.labels, *value);
    }
    if (metric.visit == nullptr) return;
    metric.visit(
        {sample, view_.known(sample.id), view_.device_names.get(), view_.snapshot->taken()}, lines);
  }

 private:
  const View& view_;
  const PageRows& rows_;
};

// Those that are and those that went: their paths differ.
std::vector<const cgroup::Sample*> shown_samples(const cgroup::Snapshot& snapshot) {
  std::vector<const cgroup::Sample*> shown;
  shown.reserve(snapshot.samples().size() + snapshot.gone().size());
  for (const auto& sample : snapshot.samples()) shown.push_back(&sample);
  for (const auto& sample : snapshot.gone()) shown.push_back(&sample);
  return shown;
}

std::string metrics_labels(const View& view, const cgroup::Sample& sample) {
  std::string text = label("cgroup", sample.path);
  const auto workload = view.workload_of_cgroup.find(sample.path);
  if (workload != view.workload_of_cgroup.end()) {
    text += ',';
    text += label("workload", workload->second);
  }
  return text;
}

}  // namespace

PageRows page_rows(const View& view, PageKind kind) {
  PageRows rows;
  if (view.snapshot) {
    rows.cgroups = shown_samples(*view.snapshot);
    rows.cgroup_labels.reserve(rows.cgroups.size());
    for (const cgroup::Sample* sample : rows.cgroups) {
      rows.cgroup_labels.push_back(kind == PageKind::metrics
                                       ? metrics_labels(view, *sample)
                                       : cadvisor_labels(*sample, view.known(sample->id)));
    }
  }
  if (kind != PageKind::metrics) return rows;
  rows.workload_labels.reserve(view.workloads.size());
  for (const auto& workload : view.workloads) {
    rows.workload_labels.push_back(label("workload", workload.workload));
  }
  rows.subject_labels.reserve(view.subjects.size());
  for (const auto& counters : view.subjects) {
    rows.subject_labels.push_back(subject_labels(counters.subject));
  }
  return rows;
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

std::vector<std::unique_ptr<const PageSection>> page_sections(const PublishedView& view,
                                                              PageKind kind) {
  std::vector<std::unique_ptr<const PageSection>> sections;
  if (kind == PageKind::cadvisor) {
    if (view.view().snapshot) sections.push_back(std::make_unique<CadvisorSection>(view));
    return sections;
  }
  if (view.view().snapshot) sections.push_back(std::make_unique<CgroupSection>(view));
  if (view.view().device_names) {
    sections.push_back(std::make_unique<DeviceSection>(*view.view().device_names));
  }
  sections.push_back(std::make_unique<WorkloadSection>(view));
  sections.push_back(std::make_unique<SubjectSection>(view));
  return sections;
}

PageWriter::PageWriter(const PublishedView& view, PageKind kind, Exposition exposition)
    : exposition_(exposition), sections_(page_sections(view, kind)) {}

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
