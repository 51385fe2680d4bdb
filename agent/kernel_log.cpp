#include "agent/kernel_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

// printk stamps records with a clock that stands still in suspend; evidence is compared on
// CLOCK_BOOTTIME.
Usec suspended_time() {
  timespec boottime{};
  timespec monotonic{};
  ::clock_gettime(CLOCK_BOOTTIME, &boottime);
  ::clock_gettime(CLOCK_MONOTONIC, &monotonic);
  const auto usec = [](const timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1000000 + time.tv_nsec / 1000;
  };
  const std::int64_t difference = usec(boottime) - usec(monotonic);
  return Usec(difference > 0 ? static_cast<std::uint64_t>(difference) : 0);
}

TimePoint on_both_clocks(Usec boottime) {
  const TimePoint now = SystemClock().now();
  return {boottime, now.wall + boottime - now.boottime};
}

}  // namespace

Result<KernelLog> KernelLog::open() {
  CGW_ASSIGN(UniqueFd fd, open_at(AT_FDCWD, "/dev/kmsg", O_RDONLY | O_NONBLOCK));
  return KernelLog(std::move(fd));
}

Status KernelLog::drain() {
  std::array<char, limits::kKmsgRecordBytes> buffer{};
  for (;;) {
    const ssize_t size = ::read(fd_.get(), buffer.data(), buffer.size());
    if (size < 0) {
      if (errno == EAGAIN) return {};
      // EPIPE: records were overwritten before we read them; the position is now the oldest left.
      // The gap in the sequence numbers counts them.
      if (errno == EINTR || errno == EPIPE) continue;
      return fail(Error::from_errno(errno, "read", "/dev/kmsg"));
    }
    if (size == 0) return {};
    const auto record = diagnosis::parse_kmsg_record(
        std::string_view(buffer.data(), static_cast<std::size_t>(size)));
    if (record) take(*record);  // a record in a form we do not know is no evidence
  }
}

void KernelLog::take(const diagnosis::KmsgRecord& record) {
  if (stored_) restore_before(record.sequence, record.boottime + suspended_time());
  auto kill = reader_.feed(record);
  const Usec suspended = suspended_time();
  const TimePoint when = on_both_clocks(record.boottime + suspended);
  const bool fresh = keeper_ != nullptr && (!stored_up_to_ || record.sequence > *stored_up_to_);
  if (auto gap = reader_.gap()) {
    gap->from += suspended;
    gap->to += suspended;
    gaps_.add(*gap);
    forks_.lost();
    if (fresh) {
      keeper_->add_gap({diagnosis::StoredKernelLogGap::Reason::overwritten, *gap, when.wall});
    }
  }
  if (fresh) {
    keeper_->read_up_to(record.sequence);
    if (record.from_kernel()) {
      keeper_->add({.sequence = record.sequence,
                    .printk = record.boottime,
                    .when = when,
                    .priority = record.priority,
                    .continuation = record.continuation,
                    .text = record.text});
    }
  }
  add_fault(record, when.boottime);
  forks_.add(record, when.boottime);
  if (!kill) return;
  kill->boottime = when.boottime;
  add(std::move(*kill));
}

void KernelLog::add(diagnosis::OomRecord kill) {
  records_.push_back(std::move(kill));
  if (records_.size() > limits::kOomRecords) records_.pop_front();
}

void KernelLog::add_fault(const diagnosis::KmsgRecord& record, Usec boottime) {
  auto fault = diagnosis::parse_fault(record);
  if (!fault) return;
  fault->boottime = boottime;
  faults_.push_back(*std::move(fault));
  if (faults_.size() > limits::kFaultLines) faults_.pop_front();
}

void KernelLog::restore(diagnosis::StoredKernelLog stored) {
  stored_up_to_ = stored.last_sequence;
  if (stored.last_sequence) stored_ = std::move(stored);
}

// What the kernel still has is read from it: there nothing was dropped.
void KernelLog::restore_before(std::uint64_t sequence, Usec oldest) {
  const auto stored = *std::exchange(stored_, std::nullopt);
  for (const auto& gap : stored.gaps) {
    const bool read_again =
        gap.reason == diagnosis::StoredKernelLogGap::Reason::dropped && gap.gap.from >= oldest;
    if (read_again) continue;
    gaps_.add(gap.gap);
    forks_.lost();
  }
  std::optional<std::uint64_t> last;
  Usec last_boottime{0};
  Usec last_printk{0};
  for (const auto& line : stored.lines) {
    if (line.sequence >= sequence) break;
    const bool consecutive = last && line.sequence == *last + 1;
    const bool broken = !consecutive && std::ranges::any_of(stored.gaps, [&](const auto& gap) {
      return gap.gap.to >= last_boottime && gap.gap.from <= line.when.boottime;
    });
    diagnosis::KmsgRecord record;
    record.priority = line.priority;
    record.sequence = line.sequence;
    record.boottime = line.when.boottime;
    record.continuation = line.continuation;
    record.text = line.text;
    if (auto kill = reader_.restore(record, broken)) add(std::move(*kill));
    add_fault(record, line.when.boottime);
    forks_.add(record, line.when.boottime);
    last = line.sequence;
    last_boottime = line.when.boottime;
    last_printk = line.printk;
  }
  reader_.resume_after(
      std::min(*stored.last_sequence, sequence - std::min<std::uint64_t>(sequence, 1)),
      last_printk);
}

KernelLogExtract KernelLog::between(Usec from, Usec to) const {
  const Usec earliest = from - std::min(from, kSlack);
  const Usec latest = to + kSlack;
  KernelLogExtract found;
  for (const auto& record : records_) {
    if (record.boottime >= earliest && record.boottime <= latest) found.kills.push_back(record);
  }
  for (const auto& fault : faults_) {
    if (fault.boottime >= earliest && fault.boottime <= latest) found.faults.push_back(fault);
  }
  found.gaps = gaps_.between(earliest, latest);
  return found;
}

std::string boot_id() {
  const auto id = read_file("/proc/sys/kernel/random/boot_id", limits::kControlFileBytes);
  return id ? std::string(trim(*id)) : "";
}

}  // namespace cgwarden::agent
