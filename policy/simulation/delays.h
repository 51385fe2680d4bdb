#pragma once

#include <vector>

namespace cgwarden::policy::simulation {

// How long work waited, by amount of work, to 2 %. Its size does not depend on how much is added.
class Delays {
 public:
  // Microseconds; `work` in any unit, but one.
  void add(double delay, double work);

  // The delay that the share `q` (0 to 1) of all work did not exceed, microseconds. 0 without work.
  [[nodiscard]] double quantile(double q) const;
  [[nodiscard]] double most() const { return most_; }
  [[nodiscard]] double work() const { return work_; }

 private:
  std::vector<double> buckets_;  // of delays from kLeast on, each 2 % wider than the one before
  double undelayed_ = 0;
  double work_ = 0;
  double most_ = 0;
};

}  // namespace cgwarden::policy::simulation
