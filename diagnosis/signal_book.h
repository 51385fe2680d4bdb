#pragma once

#include <cstddef>
#include <deque>
#include <set>

#include "base/limits.h"
#include "diagnosis/signal_record.h"

namespace cgwarden::diagnosis {

// The newest fatal and stop signals of the machine. Pure but for its memory.
class SignalBook {
 public:
  explicit SignalBook(std::size_t most = limits::kSignalsKept) : most_(most) {}

  // From `now` on signals are seen.
  void begin(Usec now) { seen_from_ = now; }
  // From `now` on none is.
  void end(Usec now) { seen_to_ = now; }
  void add(SignalSent record);
  // That some of before `now` were not seen.
  void lose(Usec now, std::uint64_t count);

  // What was sent to these processes from `from`, when they were started as far as noticed, to
  // `to`, oldest first. Clocks are the same, but a start and a death are noticed after they were.
  [[nodiscard]] SignalEvidence of(const std::set<pid_t>& targets, Usec from, Usec to) const;
  // How many of these moments were lost; 0: none.
  [[nodiscard]] std::uint64_t lost(Usec from, Usec to) const;
  [[nodiscard]] std::size_t size() const { return records_.size() + pipes_.size(); }

 private:
  struct Loss {
    Usec from{0};
    Usec to{0};
    std::uint64_t count = 0;
  };
  std::size_t most_;
  std::optional<Usec> seen_from_;
  std::optional<Usec> seen_to_;
  Usec last_{0};
  std::deque<SignalSent> records_;
  std::deque<SignalSent> pipes_;  // SIGPIPE, which a server may catch all day
  std::deque<Loss> losses_;
};

}  // namespace cgwarden::diagnosis
