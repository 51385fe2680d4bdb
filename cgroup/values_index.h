#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>

#include "base/units.h"
#include "cgroup/cgroup_values.h"

namespace cgwarden::cgroup {

// Finds the record of a cgroup in what a ValueSource told.
class ValuesIndex {
 public:
  // `values` must stay until the next set(); empty: nothing is found.
  void set(std::span<const CgroupValues> values);
  [[nodiscard]] bool empty() const { return values_.empty(); }
  // nullptr when there is none. `place`, kept by the caller for this cgroup, is where it stood the
  // last time: the order hardly ever changes, so that one look is enough.
  [[nodiscard]] const CgroupValues* find(CgroupId id, std::size_t& place);

 private:
  std::span<const CgroupValues> values_;
  std::unordered_map<std::uint64_t, std::size_t> places_;
  bool indexed_ = false;  // places_ is of these values
};

}  // namespace cgwarden::cgroup
