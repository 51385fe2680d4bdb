#include "agent/node_book.h"

namespace cgwarden::agent {
namespace {

constexpr const char* kKey = "node:";
constexpr const char* kAttributed = "oom_kills/attributed";
constexpr const char* kUnattributed = "oom_kills/unattributed";
constexpr const char* kVictims = "oom_victims";

}  // namespace

Status NodeBook::load(const diagnosis::StoreWriter& store, exporters::SelfMetrics& metrics) {
  CGW_ASSIGN(const auto counters, store.counters());
  for (const auto& counter : counters) {
    if (counter.workload != kKey) continue;
    if (counter.counter == kAttributed) attributed_ = counter.value;
    if (counter.counter == kUnattributed) unattributed_ = counter.value;
    if (counter.counter == kVictims) victims_ = counter.value;
  }
  metrics.node_oom_before(attributed_, unattributed_, victims_);
  return {};
}

void NodeBook::add(const diagnosis::OomIncident& incident) {
  ++(incident.attributed ? attributed_ : unattributed_);
  victims_ += incident.victims.size();
  changed_ = true;
}

std::vector<diagnosis::StoreWriter::Counter> NodeBook::changed() const {
  if (!changed_) return {};
  return {{kKey, kAttributed, attributed_},
          {kKey, kUnattributed, unattributed_},
          {kKey, kVictims, victims_}};
}

}  // namespace cgwarden::agent
