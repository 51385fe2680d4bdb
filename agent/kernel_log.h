#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "diagnosis/kmsg.h"

namespace cgwarden::agent {

// What the kernel log has, and has not, of a span of time.
struct KernelLogExtract {
  std::vector<diagnosis::OomRecord> kills;
  std::vector<diagnosis::KmsgGap> gaps;
  std::string fault;  // why it could not be read at all; empty: it was
};

// /dev/kmsg read from the oldest record still there, so that kills from before our start are known
// too. Keeps the newest limits::kOomRecords OOM kills. Not blocking.
class KernelLog {
 public:
  // not_permitted without CAP_SYSLOG (or root) when dmesg_restrict is set.
  [[nodiscard]] static Result<KernelLog> open();
  [[nodiscard]] int fd() const { return fd_.get(); }
  // Reads all that is there now; an overrun (EPIPE) is counted and read on.
  [[nodiscard]] Status drain();
  // Kills and gaps from `from` to `to` on CLOCK_BOOTTIME, with kSlack.
  [[nodiscard]] KernelLogExtract between(Usec from, Usec to) const;
  [[nodiscard]] std::uint64_t lost_records() const { return reader_.lost_records(); }

  // printk has a clock of its own.
  static constexpr Usec kSlack{1'000'000};

 private:
  explicit KernelLog(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  diagnosis::OomLogReader reader_;
  std::deque<diagnosis::OomRecord> records_;
  diagnosis::KmsgGaps gaps_;
};

}  // namespace cgwarden::agent
