#include "agent/kernel_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "base/file.h"
#include "base/limits.h"

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
    if (!record) continue;  // a record in a form we do not know is no evidence
    auto kill = reader_.feed(*record);
    if (auto gap = reader_.gap()) {
      const Usec suspended = suspended_time();
      gaps_.add({gap->from + suspended, gap->to + suspended, gap->count});
    }
    if (!kill) continue;
    kill->boottime += suspended_time();
    records_.push_back(std::move(*kill));
    if (records_.size() > limits::kOomRecords) records_.pop_front();
  }
}

KernelLogExtract KernelLog::between(Usec from, Usec to) const {
  const Usec earliest = from - std::min(from, kSlack);
  const Usec latest = to + kSlack;
  KernelLogExtract found;
  for (const auto& record : records_) {
    if (record.boottime >= earliest && record.boottime <= latest) found.kills.push_back(record);
  }
  found.gaps = gaps_.between(earliest, latest);
  return found;
}

}  // namespace cgwarden::agent
