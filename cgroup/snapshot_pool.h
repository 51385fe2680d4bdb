#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "cgroup/snapshot.h"

namespace cgwarden::cgroup {

// Keeps the storage of snapshots that nobody reads any more, so that a tick over the same cgroups
// allocates nothing. Thread-safe: the last reader may be on any thread, and may outlive the owner.
class SnapshotPool : public std::enable_shared_from_this<SnapshotPool> {
 public:
  // Samples of an earlier snapshot, or none.
  [[nodiscard]] std::vector<Sample> take();
  // Shared; its storage comes back here with its last reader.
  [[nodiscard]] std::shared_ptr<const Snapshot> share(Snapshot snapshot);

 private:
  void give_back(std::vector<Sample> samples);

  std::mutex mutex_;
  std::vector<Sample> spare_;
};

}  // namespace cgwarden::cgroup
