#include "policy/simulation/replay.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <deque>

#include "policy/simulation/bandwidth_pool.h"
#include "policy/simulation/delays.h"

namespace cgwarden::policy::simulation {
namespace {

// Less work than this (microseconds) is none, and less time: what rounding leaves of a recording of
// weeks. The kernel counts in nanoseconds.
constexpr double kNothing = 1e-3;

// Work that waits, by the time of its arrival.
class Backlog {
 public:
  explicit Backlog(double cpus) : cpus_(cpus) {}

  void add(double from, double usec, double work) {
    if (work <= 0) return;
    pieces_.push_back({from, usec, work});
    work_ += work;
  }
  // Runs `work` of it, the oldest first, beginning at `now`.
  void run(double now, double work, Delays& delays) {
    work_ = std::max(0.0, work_ - work);
    while (work > 0 && !pieces_.empty()) {
      Piece& piece = pieces_.front();
      const double part = std::min(work, piece.work);
      const double share = part / piece.work;
      const double arrived = piece.from + piece.usec * share / 2;
      delays.add(std::max(0.0, now + part / cpus_ / 2 - arrived), part);
      now += part / cpus_;
      work -= part;
      piece.from += piece.usec * share;
      piece.usec *= 1 - share;
      piece.work -= part;
      if (piece.work <= 0) pieces_.pop_front();
    }
    if (pieces_.empty() || work_ <= 0) {
      pieces_.clear();
      work_ = 0;
    }
  }
  [[nodiscard]] double work() const { return work_; }

 private:
  struct Piece {
    double from;
    double usec;
    double work;
  };
  double cpus_;
  double work_ = 0;
  std::deque<Piece> pieces_;
};

class Replay {
 public:
  Replay(const CpuSetting& setting, double cpus)
      : pool_(setting),
        period_(static_cast<double>(setting.max.period.count())),
        cpus_(cpus),
        backlog_(cpus),
        next_refill_(period_) {}

  // `usec` during which nothing changes but the pool.
  void arrive(const Demand& demand) {
    double left = demand.usec;
    while (left > 0) {
      const double until_refill = next_refill_ - now_;
      const double step = std::min(left, until_refill);
      run(step, demand.cpus);
      left -= step;
      if (step == until_refill) refill();
    }
  }

  CpuOutcome outcome() {
    // The last one, which has not ended.
    wanted_before_ = false;
    close_period();
    outcome_.length_usec = now_;
    outcome_.left_usec = backlog_.work();
    // It has waited until now at least.
    backlog_.run(now_, backlog_.work(), delays_);
    outcome_.delay_p50_usec = delays_.quantile(0.5);
    outcome_.delay_p99_usec = delays_.quantile(0.99);
    outcome_.delay_p999_usec = delays_.quantile(0.999);
    outcome_.delay_max_usec = delays_.most();
    return outcome_;
  }

 private:
  // Three stretches, each of which may be empty: the backlog runs beside what arrives, what arrives
  // runs at once, the pool is empty.
  void run(double usec, double arriving) {
    if (usec <= 0) return;
    wanted_ = wanted_ || arriving > 0 || backlog_.work() > kNothing;
    if (backlog_.work() > kNothing && pool_.runtime() > kNothing) {
      const double clears = arriving < cpus_ ? backlog_.work() / (cpus_ - arriving) : usec;
      const double runs = std::min({usec, clears, pool_.runtime() / cpus_});
      backlog_.add(now_, runs, runs * arriving);
      const double work = pool_.take(std::min(runs * cpus_, backlog_.work()));
      backlog_.run(now_, work, delays_);
      outcome_.used_usec += work;
      advance(usec, runs);
    }
    if (backlog_.work() <= kNothing && arriving > 0 && pool_.runtime() > kNothing) {
      const double runs = std::min(usec, pool_.runtime() / arriving);
      const double work = pool_.take(runs * arriving);
      delays_.add(0, work);
      outcome_.used_usec += work;
      advance(usec, runs);
    }
    if (usec <= 0) return;
    const bool waits = arriving > 0 || backlog_.work() > kNothing;
    if (waits && usec > kNothing && pool_.runtime() <= kNothing) withhold(usec, arriving);
    backlog_.add(now_, usec, usec * arriving);
    now_ += usec;
  }

  void advance(double& usec, double by) {
    now_ += by;
    usec -= by;
  }

  void withhold(double usec, double arriving) {
    throttled_ = true;
    // Part of a CPU is one that runs for part of the time: once it is throttled it stays so.
    outcome_.throttled_usec +=
        usec * (backlog_.work() > kNothing ? cpus_ : std::ceil(arriving - kNothing));
  }

  // The timer that counts periods ends after one in which nothing wanted to run, which it counts
  // (do_sched_cfs_period_timer).
  void close_period() {
    if (wanted_ || wanted_before_) ++outcome_.periods;
    if (throttled_) ++outcome_.throttled;
    wanted_before_ = wanted_;
    wanted_ = false;
    throttled_ = false;
  }

  void refill() {
    close_period();
    pool_.refill(kKeptUsec * std::ceil(cpus_));
    now_ = next_refill_;
    next_refill_ += period_;
  }

  BandwidthPool pool_;
  double period_;
  double cpus_;
  Backlog backlog_;
  double next_refill_;
  double now_ = 0;
  bool wanted_ = false;
  bool wanted_before_ = false;
  bool throttled_ = false;
  Delays delays_;
  CpuOutcome outcome_;
};

}  // namespace

double CpuOutcome::throttled_share() const {
  return periods == 0 ? 0 : static_cast<double>(throttled) / static_cast<double>(periods);
}

double CpuOutcome::lost_cpus() const { return length_usec <= 0 ? 0 : throttled_usec / length_usec; }

CpuOutcome replay(std::span<const Demand> demand, const CpuSetting& setting) {
  CpuSetting finite = setting;
  double cpus = 1;
  for (const Demand& piece : demand) cpus = std::max(cpus, piece.cpus);
  if (is_max(setting.max.quota)) {
    const double period = static_cast<double>(setting.max.period.count());
    finite.max.quota = Usec{static_cast<std::uint64_t>(std::ceil(period * (cpus + 1)))};
  }
  Replay run(finite, cpus);
  for (const Demand& piece : demand) run.arrive(piece);
  return run.outcome();
}

}  // namespace cgwarden::policy::simulation
