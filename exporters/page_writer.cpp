#include "exporters/page_writer.h"

#include <algorithm>

#include "exporters/cadvisor.h"
#include "exporters/escape.h"
#include "exporters/family_text.h"

namespace cgwarden::exporters {
namespace {

// Which rows of the cgroups are shown: those that are, and of those that went the ones not seen
// yet, which stand last.
class ShownRows {
 public:
  ShownRows(const PublishedView& view, const PageRows& rows, std::uint64_t seen)
      : live_(view.view().snapshot->samples().size()) {
    const auto& since = view.view().snapshot->gone_since();
    left_out_ = static_cast<std::size_t>(std::ranges::upper_bound(since, seen) - since.begin());
    count_ = rows.cgroups.size() - left_out_;
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t at(std::size_t row) const {
    return row < live_ ? row : row + left_out_;
  }

 private:
  std::size_t live_;
  std::size_t left_out_ = 0;
  std::size_t count_ = 0;
};

class CgroupSection final : public PageSection {
 public:
  CgroupSection(const PublishedView& view, std::uint64_t seen)
      : view_(view.view()), rows_(view.rows(PageKind::metrics)), shown_rows_(view, rows_, seen) {
    for (const CgroupMetric& metric : cgroup_metrics()) {
      if (!metric.group || view_.groups.has(*metric.group)) shown_.push_back(&metric);
    }
  }
  [[nodiscard]] std::size_t families() const override { return shown_.size(); }
  [[nodiscard]] const Metric& metric(std::size_t family) const override {
    return shown_[family]->metric;
  }
  [[nodiscard]] std::size_t rows() const override { return shown_rows_.count(); }
  void write(std::size_t family, std::size_t row, FamilyLines& lines) const override {
    const CgroupMetric& metric = *shown_[family];
    const std::size_t at = shown_rows_.at(row);
    const cgroup::Sample& sample = *rows_.cgroups[at];
    lines.about(rows_.cgroup_labels[at]);
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
  ShownRows shown_rows_;
  std::vector<const CgroupMetric*> shown_;
};

class WorkloadSection final : public PageSection {
 public:
  WorkloadSection(const PublishedView& view, std::uint64_t newest)
      : workloads_(view.view().workloads),
        labels_(view.rows(PageKind::metrics).workload_labels),
        newest_(newest) {}
  [[nodiscard]] std::size_t families() const override { return workload_metrics().size(); }
  [[nodiscard]] const Metric& metric(std::size_t family) const override {
    return workload_metrics()[family].metric;
  }
  [[nodiscard]] std::size_t rows() const override { return labels_.size(); }
  void write(std::size_t family, std::size_t row, FamilyLines& lines) const override {
    lines.about(labels_[row]);
    const WorkloadCounters& counters = workloads_[row];
    workload_metrics()[family].visit(counters.born > newest_ ? counters.at_birth() : counters,
                                     lines);
  }

 private:
  const std::vector<WorkloadCounters>& workloads_;
  const std::vector<std::string>& labels_;
  std::uint64_t newest_;
};

class SubjectSection final : public PageSection {
 public:
  SubjectSection(const PublishedView& view, std::uint64_t newest)
      : subjects_(view.view().subjects),
        labels_(view.rows(PageKind::metrics).subject_labels),
        newest_(newest) {}
  [[nodiscard]] std::size_t families() const override { return subject_metrics().size(); }
  [[nodiscard]] const Metric& metric(std::size_t family) const override {
    return subject_metrics()[family].metric;
  }
  [[nodiscard]] std::size_t rows() const override { return labels_.size(); }
  void write(std::size_t family, std::size_t row, FamilyLines& lines) const override {
    const SubjectMetric& metric = subject_metrics()[family];
    const SubjectCounters& counters = subjects_[row];
    if (counters.subject.kind != metric.kind) return;
    lines.about(labels_[row]);
    metric.visit(counters.born > newest_ ? counters.at_birth() : counters, lines);
  }

 private:
  const std::vector<SubjectCounters>& subjects_;
  const std::vector<std::string>& labels_;
  std::uint64_t newest_;
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
  CadvisorSection(const PublishedView& view, std::uint64_t seen)
      : view_(view.view()), rows_(view.rows(PageKind::cadvisor)), shown_rows_(view, rows_, seen) {}
  [[nodiscard]] std::size_t families() const override { return cadvisor_metrics().size(); }
  [[nodiscard]] const Metric& metric(std::size_t family) const override {
    return cadvisor_metrics()[family].metric;
  }
  [[nodiscard]] std::size_t rows() const override { return shown_rows_.count(); }
  void write(std::size_t family, std::size_t row, FamilyLines& lines) const override {
    const CadvisorMetric& metric = cadvisor_metrics()[family];
    const std::size_t at = shown_rows_.at(row);
    const cgroup::Sample& sample = *rows_.cgroups[at];
    lines.about(rows_.cgroup_labels[at]);
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
  ShownRows shown_rows_;
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
                                                              PageKind kind, HadBefore had) {
  std::vector<std::unique_ptr<const PageSection>> sections;
  if (kind == PageKind::cadvisor) {
    if (view.view().snapshot) sections.push_back(std::make_unique<CadvisorSection>(view, had.seen));
    return sections;
  }
  if (view.view().snapshot) sections.push_back(std::make_unique<CgroupSection>(view, had.seen));
  if (view.view().device_names) {
    sections.push_back(std::make_unique<DeviceSection>(*view.view().device_names));
  }
  sections.push_back(std::make_unique<WorkloadSection>(view, had.newest));
  sections.push_back(std::make_unique<SubjectSection>(view, had.newest));
  return sections;
}

PageWriter::PageWriter(const PublishedView& view, PageKind kind, Exposition exposition,
                       HadBefore had)
    : exposition_(exposition), sections_(page_sections(view, kind, had)) {}

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
