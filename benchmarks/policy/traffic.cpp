#include "benchmarks/policy/traffic.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

namespace cgwarden::benchmark {
namespace {

constexpr double kCostVariation = 0.5;
constexpr double kInBursts = 0.2;
constexpr int kBurst = 10;

using Rates = std::vector<double>;  // requests per second, by second

Rates diurnal(std::mt19937& random, std::size_t seconds) {
  std::normal_distribution<double> noise(1, 0.08);
  Rates rates(seconds);
  for (std::size_t s = 0; s < seconds; ++s) {
    const double phase =
        2 * std::numbers::pi * static_cast<double>(s) / static_cast<double>(seconds);
    rates[s] = std::max(5.0, 67 * (1 - 0.6 * std::cos(phase)) * noise(random));
  }
  return rates;
}

Rates bursty(std::mt19937& random, std::size_t seconds) {
  std::normal_distribution<double> noise(1, 0.1);
  Rates rates(seconds);
  std::size_t crowd_until = 0;
  for (std::size_t s = 0; s < seconds; ++s) {
    if (random() % 60 == 0) crowd_until = s + 4 + random() % 12;
    rates[s] = std::max(5.0, (s < crowd_until ? 100 : 30) * noise(random));
  }
  return rates;
}

Rates noisy(std::mt19937& random, std::size_t seconds) {
  std::normal_distribution<double> noise(0, 0.22);
  Rates rates(seconds);
  double wander = 0;
  for (std::size_t s = 0; s < seconds; ++s) {
    wander = 0.8 * wander + noise(random);
    rates[s] = std::clamp(38 * std::exp(wander), 5.0, 160.0);
  }
  return rates;
}

}  // namespace

Traffic make_traffic(const std::string& name, std::uint32_t seed, const Shape& shape) {
  std::mt19937 random(seed);
  const std::size_t seconds = shape.seconds;
  const Rates rates = name == "diurnal"  ? diurnal(random, seconds)
                      : name == "bursty" ? bursty(random, seconds)
                                         : noisy(random, seconds);
  const double variance = std::log(1 + kCostVariation * kCostVariation);
  std::lognormal_distribution<double> cost(std::log(shape.mean_cost_usec) - variance / 2,
                                           std::sqrt(variance));
  std::uniform_real_distribution<double> moment(0, 1e6);
  Traffic traffic{name, 1e6 * static_cast<double>(seconds), {}};
  for (std::size_t s = 0; s < seconds; ++s) {
    const double start = 1e6 * static_cast<double>(s);
    std::poisson_distribution<int> alone(rates[s] * (1 - kInBursts));
    std::poisson_distribution<int> bursts(rates[s] * kInBursts / kBurst);
    for (int i = alone(random); i > 0; --i) {
      traffic.requests.push_back({start + moment(random), cost(random)});
    }
    for (int i = bursts(random); i > 0; --i) {
      const double when = start + moment(random);
      for (int k = 0; k < kBurst; ++k) traffic.requests.push_back({when, cost(random)});
    }
  }
  std::ranges::stable_sort(traffic.requests, {}, &Request::arrival_usec);
  return traffic;
}

}  // namespace cgwarden::benchmark
