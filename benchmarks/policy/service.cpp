#include "benchmarks/policy/service.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <vector>

#include "policy/simulation/bandwidth_pool.h"

namespace cgwarden::benchmark {
namespace {

using policy::adapt::CpuInputs;
using policy::simulation::BandwidthPool;
using policy::simulation::CpuSetting;

constexpr double kStepUsec = 1000;
constexpr int kStepsPerPeriod = 100;

class Service {
 public:
  Service(const Traffic& traffic, Contender* contender, std::size_t cpus)
      : traffic_(traffic),
        contender_(contender),
        setting_(contender == nullptr ? CpuSetting{{Usec{1'000'000'000}, Usec{100000}}, Usec{0}}
                                      : contender->begin()),
        pool_(setting_),
        cpus_(cpus) {}

  Served run() {
    const auto steps = static_cast<std::uint64_t>(traffic_.length_usec / kStepUsec);
    for (std::uint64_t step = 0; step < steps; ++step) {
      now_ = static_cast<double>(step) * kStepUsec;
      while (next_ < traffic_.requests.size() && traffic_.requests[next_].arrival_usec <= now_) {
        waiting_.push_back(traffic_.requests[next_++]);
      }
      if (!waiting_.empty()) active_ = true;
      for (std::size_t cpu = 0; cpu < cpus_.size(); ++cpu) run_cpu(cpu);
      if ((step + 1) % kStepsPerPeriod == 0) end_period();
    }
    return served(static_cast<double>(steps) * kStepUsec);
  }

 private:
  struct Cpu {
    std::optional<Request> request;
    double local = 0;
  };

  void run_cpu(std::size_t index) {
    Cpu& cpu = cpus_.at(index);
    double left = kStepUsec;
    while (left > 0) {
      if (!cpu.request && !waiting_.empty()) {
        cpu.request = waiting_.front();
        waiting_.pop_front();
      }
      if (!cpu.request) break;
      if (cpu.local <= 0) cpu.local += pool_.take(policy::simulation::kSliceUsec);
      if (cpu.local <= 0) {
        throttled_ = true;
        lost_ += left;
        return;
      }
      const double ran = std::min({left, cpu.request->cost_usec, cpu.local});
      cpu.request->cost_usec -= ran;
      cpu.local -= ran;
      left -= ran;
      used_ += ran;
      if (cpu.request->cost_usec <= 0) {
        latencies_.push_back(now_ + kStepUsec - left - cpu.request->arrival_usec);
        cpu.request.reset();
      }
    }
    if (!cpu.request && cpu.local > policy::simulation::kKeptUsec) {
      pool_.give_back(cpu.local - policy::simulation::kKeptUsec);
      cpu.local = policy::simulation::kKeptUsec;
    }
  }

  void end_period() {
    periods_ += active_ ? 1 : 0;
    throttled_periods_ += throttled_ ? 1 : 0;
    const double quota = static_cast<double>(std::get<Usec>(setting_.max.quota).count());
    reserved_ += quota;
    all_used_ += used_;
    if (contender_ != nullptr) ask();
    pool_.refill();
    active_ = std::ranges::any_of(cpus_, [](const Cpu& cpu) { return cpu.request.has_value(); });
    throttled_ = false;
    used_ = 0;
    lost_ = 0;
  }

  void ask() {
    CpuInputs inputs;
    inputs.now = Usec{static_cast<std::uint64_t>(now_ + kStepUsec)};
    inputs.length = Usec{100000};
    inputs.usage = Usec{static_cast<std::uint64_t>(used_)};
    inputs.periods = active_ ? 1 : 0;
    inputs.throttled = throttled_ ? 1 : 0;
    inputs.throttled_time = Usec{static_cast<std::uint64_t>(lost_)};
    // Some CPU had work and no run time, or work waited for a thread.
    inputs.pressure = std::min(1.0, lost_ / 100000);
    const auto wanted = contender_->tick(inputs);
    if (!wanted) return;
    setting_ = *wanted;
    pool_.write(*wanted);
    ++writes_;
    recent_writes_.push_back(now_);
    while (recent_writes_.front() <= now_ - 10e6) recent_writes_.pop_front();
    most_writes_ = std::max(most_writes_, recent_writes_.size());
  }

  Served served(double length) {
    Served out;
    const double periods = length / (kStepUsec * kStepsPerPeriod);
    out.reserved_cores = reserved_ / periods / (kStepUsec * kStepsPerPeriod);
    out.used_cores = all_used_ / length;
    out.throttled_share = periods_ == 0 ? 0 : throttled_periods_ / periods_;
    out.throttled_periods = throttled_periods_;
    out.writes_per_second = static_cast<double>(writes_) / length * 1e6;
    out.most_writes = most_writes_;
    // What never came back is late.
    for (const Request& request : waiting_) latencies_.push_back(now_ - request.arrival_usec);
    std::ranges::sort(latencies_);
    const auto at = [&](double q) {
      const auto last = static_cast<double>(latencies_.size() - 1);
      return latencies_.empty() ? 0 : latencies_[static_cast<std::size_t>(std::ceil(q * last))];
    };
    out.p99_usec = at(0.99);
    out.p999_usec = at(0.999);
    return out;
  }

  const Traffic& traffic_;
  Contender* contender_;
  CpuSetting setting_;
  BandwidthPool pool_;
  std::vector<Cpu> cpus_;
  std::deque<Request> waiting_;
  std::size_t next_ = 0;
  double now_ = 0;
  bool active_ = false;
  bool throttled_ = false;
  double used_ = 0;
  double lost_ = 0;
  double all_used_ = 0;
  double reserved_ = 0;
  double periods_ = 0;
  double throttled_periods_ = 0;
  std::uint64_t writes_ = 0;
  std::deque<double> recent_writes_;
  std::size_t most_writes_ = 0;
  std::vector<double> latencies_;
};

}  // namespace

Served serve(const Traffic& traffic, Contender* contender, std::size_t cpus) {
  return Service(traffic, contender, cpus).run();
}

}  // namespace cgwarden::benchmark
