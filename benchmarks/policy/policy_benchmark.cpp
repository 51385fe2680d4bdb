// A service under a quota that each contender decides: what must be reserved so that requests are
// answered in time. Simulated: the same numbers on every machine. `quotas` runs the same on a real
// kernel.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/policy/contenders.h"

namespace cgwarden::benchmark {
namespace {

// Of those without a quota.
constexpr double kMostP99 = 1.25;
constexpr double kMostP999 = 2;
// Of what Captain reserves, and of its throttled periods.
constexpr double kMostReserved = 0.8;
constexpr double kMostThrottled = 0.5;
// In ten seconds: one a second.
constexpr std::size_t kMostWrites = 10;

struct Node {
  std::string name;
  std::size_t cpus;
  Shape shape;
};

// As `quotas` has it on a real kernel.
Node one_cpu(std::size_t seconds) {
  return {"one CPU, " + std::to_string(seconds) + " s", 1, {seconds, 5'000}};
}

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
    mean.throttled_periods += one.throttled_periods / n;
    mean.writes_per_second += one.writes_per_second / n;
    mean.most_writes = std::max(mean.most_writes, one.most_writes);
  }
  return mean;
}

class Contest {
 public:
  Contest(const Node& node, const std::string& name, const std::vector<std::uint32_t>& seeds)
      : node_(node), name_(name) {
    for (const std::uint32_t seed : seeds) {
      traffics_.push_back(make_traffic(name, seed, node.shape));
    }
    unlimited_ = serve_all(nullptr, 0);
  }

  // false: a bar was missed.
  bool run() {
    std::printf("%s, %s: %.3f cores used\n", node_.name.c_str(), name_.c_str(),
                unlimited_.used_cores);
    std::printf("  %-16s %9s %9s %9s %9s %9s %9s %9s\n", "", "parameter", "reserved", "p99 ms",
                "p99.9 ms", "thr. %", "writes/s", "in 10 s");
    print_row("unlimited", 0, unlimited_);
    std::vector<std::pair<std::string, Best>> found;
    for (const Family& family : families(static_cast<double>(node_.cpus))) {
      const bool ours = family.name.starts_with("cgwarden");
      const auto captain =
          std::ranges::find(found, "captain", &std::pair<std::string, Best>::first);
      const auto best =
          best_of(family, ours && captain != found.end()
                              ? kMostThrottled * captain->second.mean.throttled_periods
                              : 1e9);
      if (!best) {
        std::printf("  %-16s misses it with every parameter\n", family.name.c_str());
        continue;
      }
      print_row(family.name.c_str(), best->parameter, best->mean);
      found.emplace_back(family.name, *best);
    }
    return judge(found, "cgwarden");
  }

 private:
  Served serve_all(const Family* family, double parameter) const {
    std::vector<Served> all;
    for (const Traffic& traffic : traffics_) {
      const auto contender = family == nullptr ? nullptr : family->make(parameter);
      all.push_back(serve(traffic, contender.get(), node_.cpus));
    }
    return mean_of(all);
  }

  // The cheapest of the family that keeps both, and is throttled so often at most; nullopt: none
  // is.
  std::optional<Best> best_of(const Family& family, double most_throttled) const {
    std::optional<Best> best;
    for (const double parameter : family.parameters) {
      const Served served = serve_all(&family, parameter);
      if (served.p99_usec > kMostP99 * unlimited_.p99_usec) continue;
      if (served.p999_usec > kMostP999 * unlimited_.p999_usec) continue;
      if (served.throttled_periods > most_throttled) continue;
      if (best && best->mean.reserved_cores <= served.reserved_cores) continue;
      best = Best{parameter, served};
    }
    return best;
  }

  static void print_row(const char* name, double parameter, const Served& served) {
    std::printf("  %-16s %9.3f %9.3f %9.1f %9.1f %9.2f %9.3f %9llu\n", name, parameter,
                served.reserved_cores, served.p99_usec / 1000, served.p999_usec / 1000,
                served.throttled_share * 100, served.writes_per_second,
                static_cast<unsigned long long>(served.most_writes));
  }

  static bool judge(const std::vector<std::pair<std::string, Best>>& found,
                    const std::string& whose) {
    const auto of = [&](const std::string& name) -> const Served* {
      const auto at = std::ranges::find(found, name, &std::pair<std::string, Best>::first);
      return at == found.end() ? nullptr : &at->second.mean;
    };
    const Served* ours = of(whose);
    if (ours == nullptr) return false;
    bool met = ours->most_writes <= kMostWrites;
    const auto against = [&](const std::string& name, double most) {
      const Served* other = of(name);
      if (other == nullptr) return;  // keeps it with no parameter
      const double ratio = ours->reserved_cores / other->reserved_cores;
      std::printf("  %s / %s: %.3f reserved (bar %.2f)%s\n", whose.c_str(), name.c_str(), ratio,
                  most, ratio < most ? "" : "  MISSED");
      met = met && ratio < most;
    };
    against("captain", kMostReserved);
    against("static, burst", 1);
    against("koordlet", 1);
    if (const Served* captain = of("captain")) {
      const double ratio = ours->throttled_periods / std::max(captain->throttled_periods, 1e-9);
      std::printf("  %s / captain: %.3f throttled periods (bar %.2f)%s\n", whose.c_str(), ratio,
                  kMostThrottled, ratio <= kMostThrottled ? "" : "  MISSED");
      met = met && ratio <= kMostThrottled;
    }
    return met;
  }

  Node node_;
  std::string name_;
  std::vector<Traffic> traffics_;
  Served unlimited_;
};

}  // namespace
}  // namespace cgwarden::benchmark

int main(int argc, char** argv) {
  using namespace cgwarden::benchmark;
  bool report = false;
  bool only_one_cpu = false;
  std::size_t seconds = 300;
  std::vector<std::uint32_t> seeds{1, 2, 3};
  std::vector<std::string> traces{"diurnal", "bursty", "noisy"};
  CLI::App app("What must be reserved so that a service answers in time, simulated");
  app.add_flag("--report", report, "exit 0 although a bar is missed");
  app.add_flag("--one-cpu", only_one_cpu, "without the service on four CPUs, twenty minutes");
  app.add_option("--seconds", seconds, "of the traces on one CPU")->capture_default_str();
  app.add_option("--seeds", seeds, "of the traces; what is compared are means over them")
      ->capture_default_str();
  app.add_option("--traces", traces, "diurnal, bursty, noisy")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::vector<Node> nodes;
  if (!only_one_cpu) nodes.push_back({"four CPUs, twenty minutes", 4, {1200, 10'000}});
  nodes.push_back(one_cpu(seconds));
  bool met = true;
  for (const Node& node : nodes) {
    for (const std::string& name : traces) met = Contest(node, name, seeds).run() && met;
  }
  return met || report ? 0 : 1;
}
