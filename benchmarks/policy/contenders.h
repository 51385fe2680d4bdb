#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/policy/service.h"

namespace cgwarden::benchmark {

// A family of contenders, which differ in one parameter.
struct Family {
  std::string name;
  std::vector<double> parameters;
  std::function<std::unique_ptr<Contender>(double)> make;
};

// A fixed quota, without and with a burst of the same size; the CPU burst of koordlet on a kernel
// that takes no burst above the quota, so none; the fast recommender of Autothrottle's evaluation
// (K8s-CPU-Fast); Captain of Autothrottle (NSDI '24), as it is and with a burst; and ours (hold in
// seconds, and behind the point the target of throttled periods), which looks ten times a second as
// Captain does, or once. On a node of so many CPUs.
[[nodiscard]] std::vector<Family> families(double node_cpus);

}  // namespace cgwarden::benchmark
