#include "cgroup/values_index.h"

namespace cgwarden::cgroup {

void ValuesIndex::set(std::span<const CgroupValues> values) {
  values_ = values;
  indexed_ = false;
}

const CgroupValues* ValuesIndex::find(CgroupId id, std::size_t& place) {
  if (place < values_.size() && values_[place].id == id.value) return &values_[place];
  if (!indexed_) {
    places_.clear();
    for (std::size_t i = 0; i < values_.size(); ++i) places_.emplace(values_[i].id, i);
    indexed_ = true;
  }
  const auto found = places_.find(id.value);
  if (found == places_.end()) return nullptr;
  place = found->second;
  return &values_[place];
}

}  // namespace cgwarden::cgroup
