#pragma once

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

// Twenty minutes of requests of 10 ms mean cost (lognormal, coefficient of variation 0.5), a fifth
// of them in bursts of ten at once, at a rate that follows the day ("diurnal"), has flash crowds
// ("bursty"), or wanders ("noisy"). The same seed gives the same requests.
[[nodiscard]] Traffic make_traffic(const std::string& name, std::uint32_t seed);

}  // namespace cgwarden::benchmark
