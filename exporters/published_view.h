#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "exporters/view.h"

namespace cgwarden::exporters {

// The escaped labels of each row of a View, built once for all families and scrapes.
struct RowLabels {
  std::vector<std::string> cgroups;    // of snapshot->samples()
  std::vector<std::string> workloads;  // of workloads
};
[[nodiscard]] RowLabels row_labels(const View& view);

// A View and what all its scrapes share: about 100 bytes per cgroup, not its page. Thread-safe.
class PublishedView {
 public:
  explicit PublishedView(std::shared_ptr<const View> view) : view_(std::move(view)) {}

  [[nodiscard]] const View& view() const { return *view_; }
  [[nodiscard]] const RowLabels& labels() const {
    std::call_once(once_, [this] { labels_ = row_labels(*view_); });
    return labels_;
  }

 private:
  std::shared_ptr<const View> view_;
  mutable std::once_flag once_;
  mutable RowLabels labels_;
};

}  // namespace cgwarden::exporters
