#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "cgroup/perf_record.h"
#include "cgroup/perf_ring.h"

namespace cgwarden::cgroup {

// Who sends fatal and stop signals to whom on this machine: signal:signal_generate through
// perf_event_open(2) on every processor, filtered in the kernel, with the names that processes get
// meanwhile. Bounded rings: what overflows is counted.
//
//   CGW_ASSIGN(SignalTrace trace, SignalTrace::open());
//   poll(trace.fd(), POLLIN); for (const auto& record : trace.drain()) ...
//   trace.follow_processors();   // now and then: processors come and go
//
// Thread rule: one thread.
class SignalTrace {
 public:
  // not_permitted without CAP_PERFMON (or CAP_SYS_ADMIN), not_supported where the kernel lacks the
  // event or PMU.
  [[nodiscard]] static Result<SignalTrace> open();
  SignalTrace(SignalTrace&&) noexcept = default;
  SignalTrace& operator=(SignalTrace&&) = delete;
  ~SignalTrace() = default;

  // An epoll(7) of the rings.
  [[nodiscard]] int fd() const { return epoll_.get(); }
  // All that is there now, oldest first. Does not block.
  [[nodiscard]] std::vector<PerfRecord> drain();
  // Opens the rings of processors that came, and again those that were away: the kernel ends an
  // event for good when its processor goes offline. Returns how many it opened.
  [[nodiscard]] Result<std::size_t> follow_processors();
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  [[nodiscard]] std::size_t processors() const { return rings_.size(); }

 private:
  struct Ring {
    PerfRing ring;
    std::uint64_t enabled_nsec = 0;  // when last looked at
  };
  SignalTrace(SignalLayout layout, UniqueFd epoll) : layout_(layout), epoll_(std::move(epoll)) {}
  [[nodiscard]] Result<UniqueFd> open_event(int processor);
  [[nodiscard]] Status open_ring(int processor);
  void read(Ring& ring, std::vector<PerfRecord>& records);

  SignalLayout layout_;
  UniqueFd epoll_;
  bool with_cgroup_ = true;
  std::map<int, Ring> rings_;
  std::vector<PerfRecord> pending_;  // of processors that went
  std::uint64_t lost_ = 0;
};

// "0-3,8": the processors of a list file such as /sys/devices/system/cpu/online.
[[nodiscard]] Result<std::vector<int>> parse_processor_list(std::string_view text);

}  // namespace cgwarden::cgroup
