#include "exporters/metrics.h"

#include <limits>
#include <memory>

#include "exporters/cadvisor.h"
#include "exporters/page_writer.h"

namespace cgwarden::exporters {
namespace {

std::string whole_page(const View& view, PageKind kind, Exposition exposition) {
  // The caller's View outlives this.
  const PublishedView published(std::shared_ptr<const View>(std::shared_ptr<void>(), &view));
  PageWriter writer(published, kind, exposition);
  std::string out;
  static_cast<void>(writer.append(out, std::numeric_limits<std::size_t>::max()));
  return out;
}

}  // namespace

std::string render_metrics(const View& view, Exposition exposition) {
  return whole_page(view, PageKind::metrics, exposition);
}

std::string render_cadvisor(const View& view, Exposition exposition) {
  return whole_page(view, PageKind::cadvisor, exposition);
}

}  // namespace cgwarden::exporters
