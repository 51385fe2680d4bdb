#include <fmt/format.h>

#include <algorithm>

#include "diagnosis/audit/review.h"

namespace cgwarden::diagnosis::audit {

void review_users(Review& review) {
  const Posture& posture = review.posture();
  if (!posture.uid_map || !posture.status) {
    review.not_checked("user ids", Severity::high,
                       posture.uid_map ? posture.status.reason() : posture.uid_map.reason());
    return;
  }
  const auto root = std::ranges::find_if(*posture.uid_map, [](const IdRange& range) {
    return range.inside == 0 && range.outside == 0 && range.count > 0;
  });
  if (root == posture.uid_map->end()) return;
  // In the host's own namespace everybody has this map; what counts is who runs.
  if (!review.own_user_namespace() && posture.status->effective_uid != 0) return;
  review.add({"root-is-host-root", review.own_user_namespace() ? Severity::high : Severity::medium,
              fmt::format("uid 0 is uid {} of the host (map \"{} {} {}\"), and it runs as uid {}",
                          root->outside, root->inside, root->outside, root->count,
                          posture.status->effective_uid),
              review.file("uid_map"),
              "Whatever of the host it reaches, by a mount, a leaked descriptor or a kernel fault, "
              "it reaches as root.",
              "Run it as another user (--user; OCI: process.user), or map its uid 0 to a range of "
              "/etc/subuid (podman: --userns=auto; cgwarden: user_namespace)."});
}

}  // namespace cgwarden::diagnosis::audit
