#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "exporters/cadvisor.h"
#include "exporters/metrics.h"
#include "exporters/view.h"

namespace cgwarden::exporters {

// What a page shows of a View.
enum class PageKind {
  metrics,   // render_metrics
  cadvisor,  // render_cadvisor
};

// The text of one View, written at most once per kind and exposition and shared by all scrapes
// until the next publish: several scrapers at once cost one page of memory, not one each.
// Thread-safe.
class PublishedPage {
 public:
  explicit PublishedPage(std::shared_ptr<const View> view) : view_(std::move(view)) {}

  // Without "# EOF" and the agent's own metrics.
  [[nodiscard]] const std::string& text(PageKind kind, Exposition exposition) const {
    Text& text = texts_.at(static_cast<std::size_t>(kind)).at(static_cast<std::size_t>(exposition));
    const auto render = kind == PageKind::metrics ? render_metrics : render_cadvisor;
    std::call_once(text.once, [&] { text.text = render(*view_, exposition); });
    return text.text;
  }

 private:
  struct Text {
    std::once_flag once;
    std::string text;
  };
  std::shared_ptr<const View> view_;
  mutable std::array<std::array<Text, 2>, 2> texts_;
};

}  // namespace cgwarden::exporters
