#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cgwarden::benchmark {

// What a service is asked for.
struct Request {
  double arrival_usec = 0;
  double cost_usec = 0;
};
struct Traffic {
  std::string name;
  double length_usec = 0;
  std::vector<Request> requests;  // by arrival
};

struct Shape {
  std::size_t seconds = 1200;
  double mean_cost_usec = 10'000;
};

// Requests (cost lognormal, coefficient of variation 0.5), a fifth of them in bursts of ten at
// once, at a rate that follows one day ("diurnal"), has flash crowds ("bursty"), or wanders
// ("noisy"). The same seed gives the same requests.
[[nodiscard]] Traffic make_traffic(const std::string& name, std::uint32_t seed,
                                   const Shape& shape = {});

}  // namespace cgwarden::benchmark
