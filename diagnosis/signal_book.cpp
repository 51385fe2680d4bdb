#include "diagnosis/signal_book.h"

#include <algorithm>
#include <csignal>
#include <utility>

namespace cgwarden::diagnosis {

void SignalBook::add(SignalSent record) {
  last_ = std::max(last_, record.boottime);
  if (record.signal == SIGPIPE) {
    pipes_.push_back(std::move(record));
    if (pipes_.size() > limits::kPipeSignalsKept) pipes_.pop_front();
    return;
  }
  records_.push_back(std::move(record));
  if (records_.size() <= most_) return;
  // What was before the oldest kept one is not known any more.
  seen_from_ = records_.front().boottime + Usec{1};
  records_.pop_front();
}

void SignalBook::lose(Usec now, std::uint64_t count) {
  losses_.push_back({last_, now, count});
  if (losses_.size() > limits::kKernelLogGaps) {
    losses_[1].from = losses_[0].from;
    losses_[1].count += losses_[0].count;
    losses_.pop_front();
  }
}

SignalEvidence SignalBook::of(const std::set<pid_t>& targets, Usec from, Usec to) const {
  SignalEvidence found;
  // A command that crashes at once is dead before its launcher, on a busy machine, has noted when
  // it was started. No pid is used again so soon.
  constexpr Usec kStartTakes{3'000'000};
  const Usec launched = from - std::min(from, kStartTakes);
  // A kill takes this long at most to show as a death, on a machine that is not hung.
  constexpr Usec kKillTakes{2'000'000};
  const Usec killed_from = to > from + kKillTakes ? to - kKillTakes : from;
  found.watched = seen_from_ && *seen_from_ <= killed_from && (!seen_to_ || *seen_to_ >= to);
  for (const auto* records : {&records_, &pipes_}) {
    for (const auto& record : *records) {
      if (record.boottime < launched || record.boottime > to) continue;
      if (targets.contains(record.target)) found.records.push_back(record);
    }
  }
  std::ranges::stable_sort(found.records, {}, &SignalSent::boottime);
  return found;
}

std::uint64_t SignalBook::lost(Usec from, Usec to) const {
  std::uint64_t count = 0;
  for (const auto& loss : losses_) {
    if (loss.from <= to && loss.to >= from) count += loss.count;
  }
  return count;
}

}  // namespace cgwarden::diagnosis
