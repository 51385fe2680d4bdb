#include "diagnosis/audit/audit.h"

#include <algorithm>
#include <functional>

#include "diagnosis/audit/review.h"

namespace cgwarden::diagnosis::audit {

Audit audit(const Posture& posture) {
  Review review(posture);
  review_namespaces(review);
  review_users(review);
  review_capabilities(review);
  review_confinement(review);
  review_host_mounts(review);
  review_proc_paths(review);
  review_devices(review);
  review_directories(review);
  review_limits(review);
  Audit result = std::move(review).result();
  std::ranges::stable_sort(result.findings, std::greater{}, &Finding::severity);
  std::ranges::stable_sort(result.not_checked, std::greater{}, &NotChecked::worst);
  return result;
}

}  // namespace cgwarden::diagnosis::audit
