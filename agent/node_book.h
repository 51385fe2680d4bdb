#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "diagnosis/oom_ledger.h"
#include "diagnosis/store.h"
#include "exporters/self_metrics.h"

namespace cgwarden::agent {

// The node's OOM counters over agents and reboots. Its key in the store is "node:", which is no
// name of a workload.
class NodeBook {
 public:
  // Takes up what earlier agents counted, into the metrics too; once.
  [[nodiscard]] Status load(const diagnosis::StoreWriter& store, exporters::SelfMetrics& metrics);
  void add(const diagnosis::OomIncident& incident);
  // What is to be stored; empty: nothing changed since saved().
  [[nodiscard]] std::vector<diagnosis::StoreWriter::Counter> changed() const;
  void saved() { changed_ = false; }

 private:
  std::uint64_t attributed_ = 0;
  std::uint64_t unattributed_ = 0;
  std::uint64_t victims_ = 0;
  bool changed_ = false;
};

}  // namespace cgwarden::agent
