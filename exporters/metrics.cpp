#include "exporters/metrics.h"

#include <limits>
#include <memory>

#include "exporters/page_writer.h"

namespace cgwarden::exporters {

std::string render_metrics(const View& view, Exposition exposition) {
  // The caller's View outlives this.
  const PublishedView published(std::shared_ptr<const View>(std::shared_ptr<void>(), &view));
  PageWriter writer(published, exposition);
  std::string out;
  static_cast<void>(writer.append(out, std::numeric_limits<std::size_t>::max()));
  return out;
}

}  // namespace cgwarden::exporters
