#include "cgroup/snapshot_pool.h"

#include <utility>

namespace cgwarden::cgroup {

std::vector<Sample> SnapshotPool::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(spare_, {});
}

std::shared_ptr<const Snapshot> SnapshotPool::share(Snapshot snapshot) {
  auto owned = std::make_unique<Snapshot>(std::move(snapshot));
  return {owned.release(), [pool = shared_from_this()](Snapshot* last) {
            const std::unique_ptr<Snapshot> ended(last);
            pool->give_back(std::move(*ended).release());
          }};
}

void SnapshotPool::give_back(std::vector<Sample> samples) {
  const std::lock_guard lock(mutex_);
  // One is enough: a reader that keeps a snapshot keeps its storage, too.
  if (samples.capacity() > spare_.capacity()) spare_.swap(samples);
}

}  // namespace cgwarden::cgroup
