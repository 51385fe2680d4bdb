#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "exporters/metrics.h"
#include "exporters/view.h"

namespace cgwarden::exporters {

// The text of one View, written at most once per exposition and shared by all scrapes until the
// next publish: several scrapers at once cost one page of memory, not one each. Thread-safe.
class PublishedPage {
 public:
  explicit PublishedPage(std::shared_ptr<const View> view) : view_(std::move(view)) {}

  // Without "# EOF" and the agent's own metrics.
  [[nodiscard]] const std::string& text(Exposition exposition) const {
    Text& text = texts_.at(static_cast<std::size_t>(exposition));
    std::call_once(text.once, [&] { text.text = render_metrics(*view_, exposition); });
    return text.text;
  }
  // Of its snapshot.
  [[nodiscard]] std::uint64_t sequence() const {
    return view_->snapshot ? view_->snapshot->sequence() : 0;
  }

 private:
  struct Text {
    std::once_flag once;
    std::string text;
  };
  std::shared_ptr<const View> view_;
  mutable std::array<Text, 2> texts_;
};

}  // namespace cgwarden::exporters
