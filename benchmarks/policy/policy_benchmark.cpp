// A service under a quota that each contender decides: what must be reserved so that requests are
// answered in time. Simulated: the same numbers on every machine.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/policy/contenders.h"

namespace cgwarden::benchmark {
namespace {

constexpr double kMostP99Usec = 120'000;
// Of the p99.9 without a quota.
constexpr double kMostP999 = 2;
// Reserved, as a share of what Captain reserves.
constexpr double kBar = 0.8;
// In ten seconds: one a second.
constexpr std::size_t kMostWrites = 10;
constexpr std::uint32_t kSeeds = 3;

struct Best {
  double parameter = 0;
  Served mean;  // over the seeds
};

Served mean_of(const std::vector<Served>& all) {
  Served mean;
  for (const Served& one : all) {
    const auto n = static_cast<double>(all.size());
    mean.reserved_cores += one.reserved_cores / n;
    mean.used_cores += one.used_cores / n;
    mean.p99_usec += one.p99_usec / n;
    mean.p999_usec += one.p999_usec / n;
    mean.throttled_share += one.throttled_share / n;
    mean.writes_per_second += one.writes_per_second / n;
    mean.most_writes = std::max(mean.most_writes, one.most_writes);
  }
  return mean;
}

Served serve_all(const std::vector<Traffic>& traffics, const Family* family, double parameter) {
  std::vector<Served> all;
  for (const Traffic& traffic : traffics) {
    const auto contender = family == nullptr ? nullptr : family->make(parameter);
    all.push_back(serve(traffic, contender.get()));
  }
  return mean_of(all);
}

// The cheapest of the family that keeps both; nullopt: none does.
std::optional<Best> best_of(const std::vector<Traffic>& traffics, const Family& family,
                            double most_p999) {
  std::optional<Best> best;
  for (const double parameter : family.parameters) {
    const Served served = serve_all(traffics, &family, parameter);
    if (served.p99_usec > kMostP99Usec || served.p999_usec > most_p999) continue;
    if (best && best->mean.reserved_cores <= served.reserved_cores) continue;
    best = Best{parameter, served};
  }
  return best;
}

void print_row(const char* name, double parameter, const Served& served) {
  std::printf("  %-16s %9.3f %9.3f %9.1f %9.1f %9.2f %9.3f %9llu\n", name, parameter,
              served.reserved_cores, served.p99_usec / 1000, served.p999_usec / 1000,
              served.throttled_share * 100, served.writes_per_second,
              static_cast<unsigned long long>(served.most_writes));
}

// false: a bar was missed.
bool run(const std::string& name) {
  std::vector<Traffic> traffics;
  for (std::uint32_t seed = 1; seed <= kSeeds; ++seed) {
    traffics.push_back(make_traffic(name, seed));
  }
  const Served unlimited = serve_all(traffics, nullptr, 0);
  std::printf("%s: %.3f cores used; p99 at most %.0f ms, p99.9 at most %.0f ms\n", name.c_str(),
              unlimited.used_cores, kMostP99Usec / 1000, kMostP999 * unlimited.p999_usec / 1000);
  std::printf("  %-16s %9s %9s %9s %9s %9s %9s %9s\n", "", "parameter", "reserved", "p99 ms",
              "p99.9 ms", "thr. %", "writes/s", "in 10 s");
  print_row("unlimited", 0, unlimited);
  std::optional<Best> captain;
  std::optional<Best> ours;
  for (const Family& family : families()) {
    const auto best = best_of(traffics, family, kMostP999 * unlimited.p999_usec);
    if (!best) {
      std::printf("  %-16s misses it with every parameter\n", family.name.c_str());
      continue;
    }
    print_row(family.name.c_str(), best->parameter, best->mean);
    if (family.name == "captain") captain = best;
    if (family.name == "cgwarden") ours = best;
  }
  if (!captain || !ours) return false;
  const double ratio = ours->mean.reserved_cores / captain->mean.reserved_cores;
  const bool met = ratio <= kBar && ours->mean.most_writes <= kMostWrites;
  std::printf("  cgwarden / captain: %.3f reserved (bar %.2f)%s\n\n", ratio, kBar,
              met ? "" : "  MISSED");
  return met;
}

}  // namespace
}  // namespace cgwarden::benchmark

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  const bool report = argc == 2 && std::string_view(arguments[1]) == "--report";
  bool met = true;
  for (const char* name : {"diurnal", "bursty", "noisy"}) {
    met = cgwarden::benchmark::run(name) && met;
  }
  return met || report ? 0 : 1;
}
