#include "diagnosis/audit/review.h"

namespace cgwarden::diagnosis::audit {
namespace {

struct LimitRule {
  const char* id;
  const char* file;
  const char* why;
  const char* remedy;
};

void review_limit(Review& review, const Seen<EffectiveLimit>& limit, const LimitRule& rule) {
  if (!limit) {
    review.not_checked(rule.file, Severity::medium, limit.reason());
    return;
  }
  if (!is_max(limit->value)) return;
  review.add({rule.id, Severity::medium,
              "neither its cgroup " + limit->cgroup + " nor one above it has a " + rule.file,
              "/sys/fs/cgroup" + (limit->cgroup == "/" ? "" : limit->cgroup) + "/" + rule.file,
              rule.why, rule.remedy});
}

}  // namespace

void review_limits(Review& review) {
  review_limit(
      review, review.posture().pids_max,
      {"no-pids-limit", "pids.max", "A fork bomb in it takes every process id of the host.",
       "Start it with --pids-limit (cgwarden: resources: {pids: {max: 512}})."});
  review_limit(review, review.posture().memory_max,
               {"no-memory-limit", "memory.max",
                "It can fill the memory of the host; the kernel then kills others.",
                "Start it with --memory (cgwarden: resources: {memory: {max: 512MiB}})."});
}

}  // namespace cgwarden::diagnosis::audit
