#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "agent/kernel_log_keeper.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "diagnosis/fault_log.h"
#include "diagnosis/kmsg.h"
#include "diagnosis/refused_fork.h"
#include "diagnosis/stored_kernel_log.h"

namespace cgwarden::agent {

// What the kernel log has, and has not, of a span of time.
struct KernelLogExtract {
  std::vector<diagnosis::OomRecord> kills;
  std::vector<diagnosis::FaultRecord> faults;
  std::vector<diagnosis::KmsgGap> gaps;
  std::string fault;  // why it could not be read at all; empty: it was
};

// /dev/kmsg read from the oldest record still there, so that kills from before our start are known
// too; what the kernel has overwritten since can come from the store. Keeps the newest
// limits::kOomRecords OOM kills and limits::kFaultLines faults. Not blocking.
class KernelLog {
 public:
  // not_permitted without CAP_SYSLOG (or root) when dmesg_restrict is set.
  [[nodiscard]] static Result<KernelLog> open();
  [[nodiscard]] int fd() const { return fd_.get(); }
  // Before the first drain(): what was stored of this boot. Of it only that is used which
  // /dev/kmsg has no more.
  void restore(diagnosis::StoredKernelLog stored);
  // What the kernel wrote and restore() did not bring goes there too, which must outlive this.
  void keep_in(KernelLogKeeper& keeper) { keeper_ = &keeper; }
  // Reads all that is there now; an overrun (EPIPE) is counted and read on.
  [[nodiscard]] Status drain();
  // Kills and gaps from `from` to `to` on CLOCK_BOOTTIME, with kSlack.
  [[nodiscard]] KernelLogExtract between(Usec from, Usec to) const;
  // All that is known of this boot.
  [[nodiscard]] const diagnosis::RefusedForks& refused_forks() const { return forks_.all(); }
  // To tell it what the log does not: ids, and which cgroups are there.
  diagnosis::RefusedForkBook& refused_fork_book() { return forks_; }
  [[nodiscard]] std::uint64_t lost_records() const { return reader_.lost_records(); }

  // printk has a clock of its own.
  static constexpr Usec kSlack{1'000'000};

 private:
  explicit KernelLog(UniqueFd fd) : fd_(std::move(fd)) {}
  void take(const diagnosis::KmsgRecord& record);
  void restore_before(std::uint64_t sequence, Usec oldest);
  void add(diagnosis::OomRecord kill);
  void add_fault(const diagnosis::KmsgRecord& record, Usec boottime);

  UniqueFd fd_;
  diagnosis::OomLogReader reader_;
  std::deque<diagnosis::OomRecord> records_;
  std::deque<diagnosis::FaultRecord> faults_;
  diagnosis::RefusedForkBook forks_;
  diagnosis::KmsgGaps gaps_;
  std::optional<diagnosis::StoredKernelLog> stored_;  // until the first record is read
  std::optional<std::uint64_t> stored_up_to_;
  KernelLogKeeper* keeper_ = nullptr;
};

// The id of the boot that this process runs in; empty: it cannot be read.
[[nodiscard]] std::string boot_id();

}  // namespace cgwarden::agent
