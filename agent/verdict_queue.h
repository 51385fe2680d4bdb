#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "base/units.h"
#include "diagnosis/verdict.h"

namespace cgwarden::agent {

// Verdicts on their way to the store. What it does not take, on a full disk or while somebody holds
// it, waits here and is tried again, so that none is lost as long as there is room:
//
//   queue.add(verdict);
//   queue.store(now, put);  // then, and at each tick
//
// Over `most` the oldest stall goes first, then the oldest death. One thread.
class VerdictQueue {
 public:
  // All that it is given in one transaction, or none.
  using Put = std::function<Status(std::span<const diagnosis::Verdict>)>;

  explicit VerdictQueue(std::size_t most = limits::kVerdictsPending) : most_(most) {}

  // A stall that waits already is replaced by what it has become.
  void add(diagnosis::Verdict verdict);
  // All that wait, the oldest first, some at a time, so that a disk that stays full costs little.
  // When `put` fails, the rest goes on waiting, and the error is given back; it is tried again
  // after a second, and after each failure twice as long, up to half a minute.
  Status store(Usec now, const Put& put);
  // The next store() tries, whenever the last one failed.
  void hurry() { next_ = Usec{0}; }

  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  // Does this death wait? (StoreWriter::has_death() of those that do not.)
  [[nodiscard]] bool has_death(std::string_view workload, unsigned incarnation,
                               Usec ended_wall) const;

 private:
  std::size_t most_;
  std::deque<diagnosis::Verdict> waiting_;  // oldest first
  std::uint64_t dropped_ = 0;
  Usec wait_{0};
  Usec next_{0};
};

}  // namespace cgwarden::agent
