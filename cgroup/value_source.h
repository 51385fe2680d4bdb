#pragma once

#include <span>

#include "base/result.h"
#include "base/units.h"
#include "cgroup/cgroup_values.h"

namespace cgwarden::cgroup {

// Tells the values of all cgroups of a tree in one go, as another way than their files.
class ValueSource {
 public:
  virtual ~ValueSource() = default;
  // Those of now, in any order; valid until the next call. A cgroup or a file that is missing in
  // them has to be read from its file; one that is there twice was asked twice.
  [[nodiscard]] virtual Result<std::span<const CgroupValues>> read() = 0;
  // Of the last read(): for how long at most it kept others from making and removing cgroups.
  [[nodiscard]] virtual Usec longest_walk() const = 0;
};

}  // namespace cgwarden::cgroup
