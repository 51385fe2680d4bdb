#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "exporters/view.h"

namespace cgwarden::exporters {

// What a page shows of a View.
enum class PageKind {
  metrics,   // render_metrics
  cadvisor,  // render_cadvisor
};

// The rows of a page and their escaped labels, made once for all families and scrapes.
struct PageRows {
  std::vector<const cgroup::Sample*> cgroups;
  std::vector<std::string> cgroup_labels;
  // None on /metrics/cadvisor.
  std::vector<std::string> workload_labels;  // of View::workloads
  std::vector<std::string> subject_labels;   // of View::subjects
};
[[nodiscard]] PageRows page_rows(const View& view, PageKind kind);

// A View and what all its scrapes share: about 100 bytes per cgroup, not its page. Thread-safe.
class PublishedView {
 public:
  explicit PublishedView(std::shared_ptr<const View> view) : view_(std::move(view)) {}

  [[nodiscard]] const View& view() const { return *view_; }
  // Of its snapshot.
  [[nodiscard]] std::uint64_t sequence() const {
    return view_->snapshot ? view_->snapshot->sequence() : 0;
  }
  [[nodiscard]] const PageRows& rows(PageKind kind) const {
    Once& once = kind == PageKind::metrics ? metrics_ : cadvisor_;
    std::call_once(once.flag, [&] { once.rows = page_rows(*view_, kind); });
    return once.rows;
  }

 private:
  struct Once {
    std::once_flag flag;
    PageRows rows;
  };
  std::shared_ptr<const View> view_;
  mutable Once metrics_;
  mutable Once cadvisor_;
};

}  // namespace cgwarden::exporters
