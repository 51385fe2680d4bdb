#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exporters/catalog.h"
#include "exporters/metrics.h"
#include "exporters/published_view.h"

namespace cgwarden::exporters {

// Lines of one family. The header goes out with the first line, so that a family without samples
// does not appear.
class FamilyLines final : public LineSink {
 public:
  FamilyLines(const Metric& metric, Exposition exposition);

  // Where the next lines go.
  void to(std::string& out) { out_ = &out; }
  // `labels`: of the cgroup or workload the next lines are about; must outlive them.
  void about(std::string_view labels) { labels_ = labels; }
  void line(std::string_view labels, Value value) override;

 private:
  std::string* out_ = nullptr;
  const Metric* metric_;
  Exposition exposition_;
  std::string prefix_;
  std::string_view labels_;
  bool begun_ = false;
};

// Families over the same rows.
class PageSection {
 public:
  virtual ~PageSection() = default;
  [[nodiscard]] virtual std::size_t families() const = 0;
  [[nodiscard]] virtual const Metric& metric(std::size_t family) const = 0;
  [[nodiscard]] virtual std::size_t rows() const = 0;
  virtual void write(std::size_t family, std::size_t row, FamilyLines& lines) const = 0;
};

// What its reader has had of earlier pages.
struct HadBefore {
  std::uint64_t seen = 0;  // cgroups that had gone by this snapshot are left out
  // The newest. Counters that were born after it are shown as they were born: to who meets one
  // first when it has moved already, it has not moved.
  std::uint64_t newest = kEverySnapshot;
};

// The sections of a page in their order. They refer to `view`.
[[nodiscard]] std::vector<std::unique_ptr<const PageSection>> page_sections(
    const PublishedView& view, PageKind kind, HadBefore had = {});

// Writes the series of a View piece by piece, so that a page of any size takes the memory of one
// piece. By the catalog (catalog.h); a missing value has no line.
class PageWriter {
 public:
  // Refers to `view`.
  PageWriter(const PublishedView& view, PageKind kind, Exposition exposition, HadBefore had = {});

  // Appends whole rows until `out` has `bytes` or more. False when the page is complete.
  [[nodiscard]] bool append(std::string& out, std::size_t bytes);

 private:
  Exposition exposition_;
  std::vector<std::unique_ptr<const PageSection>> sections_;
  std::size_t section_ = 0;
  std::size_t family_ = 0;
  std::size_t row_ = 0;
  std::unique_ptr<FamilyLines> lines_;  // of the family that is being written
};

}  // namespace cgwarden::exporters
