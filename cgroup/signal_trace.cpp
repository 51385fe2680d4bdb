#include "cgroup/signal_trace.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <set>
#include <string>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "cgroup/quote.h"
#include "cgroup/tracefs.h"

namespace cgwarden::cgroup {
namespace {

constexpr const char* kFormat = "events/signal/signal_generate/format";
constexpr const char* kSignalTracepoint = "signal:signal_generate";
// Fatal and stop signals; not those that runtimes send to themselves all the time (SIGURG, SIGALRM,
// SIGUSR1, real-time ones). With a stop goes its end.
constexpr std::array kSignals{SIGHUP,  SIGINT,  SIGQUIT, SIGILL,  SIGTRAP, SIGABRT,
                              SIGBUS,  SIGFPE,  SIGKILL, SIGSEGV, SIGTERM, SIGSTOP,
                              SIGCONT, SIGTSTP, SIGXCPU, SIGXFSZ, SIGSYS};

std::string filter() {
  std::string text;
  for (const int signal : kSignals) {
    if (!text.empty()) text += " || ";
    text += "sig==" + std::to_string(signal);
  }
  // Most programs that write to many others ignore it, all day long.
  text += " || (sig==" + std::to_string(SIGPIPE) + " && result==0)";
  return text;
}

Result<std::vector<int>> online_processors() {
  CGW_ASSIGN(const std::string text,
             read_file("/sys/devices/system/cpu/online", limits::kControlFileBytes));
  return parse_processor_list(trim(text));
}

// Between CLOCK_MONOTONIC and CLOCK_BOOTTIME.
Usec suspended_time() {
  timespec boottime{};
  timespec monotonic{};
  ::clock_gettime(CLOCK_MONOTONIC, &monotonic);
  ::clock_gettime(CLOCK_BOOTTIME, &boottime);
  const auto usec = [](const timespec& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000U +
           static_cast<std::uint64_t>(time.tv_nsec) / 1000U;
  };
  const Usec difference(usec(boottime) - usec(monotonic));
  // Two calls are not one moment: less than this is no suspend.
  constexpr Usec kSuspend{10'000};
  return difference < kSuspend ? Usec{0} : difference;
}

Usec time_of(const PerfRecord& record) {
  return std::visit([](const auto& event) { return event.boottime; }, record);
}

}  // namespace

Result<std::vector<int>> parse_processor_list(std::string_view text) {
  std::vector<int> found;
  for (const auto part : split(text, ',')) {
    const std::size_t dash = part.find('-');
    const auto first = parse_integer<unsigned>(part.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : parse_integer<unsigned>(part.substr(dash + 1));
    if (!first || !last || *last < *first || *last >= limits::kProcessors) {
      return fail(malformed("cpu/online", "not a list of processors"));
    }
    for (unsigned at = *first; at <= *last; ++at) found.push_back(static_cast<int>(at));
  }
  return found;
}

Result<SignalTrace> SignalTrace::open() {
  CGW_ASSIGN(const UniqueFd tracefs, open_tracefs());
  CGW_ASSIGN(const std::string text,
             read_file_at(tracefs.get(), kFormat, limits::kControlFileBytes));
  CGW_ASSIGN(const EventFormat format, parse_event_format(text, kFormat));
  CGW_ASSIGN(const SignalLayout layout, signal_layout(format));
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return fail(Error::from_errno(errno, "create", "epoll"));
  SignalTrace trace(layout, std::move(epoll));
  CGW_ASSIGN(const std::size_t opened, trace.follow_processors());
  if (opened == 0) {
    return fail(
        Error{ErrorKind::not_supported, 0, "watch", kSignalTracepoint, "no processor is online"});
  }
  return trace;
}

Result<UniqueFd> SignalTrace::open_event(int processor) {
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.config = layout_.event;
  attr.sample_period = 1;
  attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_RAW;
  if (with_cgroup_) attr.sample_type |= PERF_SAMPLE_CGROUP;
  attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED;
  attr.disabled = 1;
  attr.sample_id_all = 1;
  // The name of a sender that is gone when it is looked for; such records alone wake nobody.
  attr.comm = 1;
  attr.wakeup_events = 1;
  attr.use_clockid = 1;
  // The kernel takes CLOCK_BOOTTIME for no tracepoint, because it may not be read in an NMI.
  attr.clockid = CLOCK_MONOTONIC;
  const long fd = ::syscall(SYS_perf_event_open, &attr, -1, processor, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd >= 0) return UniqueFd(static_cast<int>(fd));
  // Before 5.7, or without CONFIG_CGROUP_PERF.
  if (errno == EINVAL && with_cgroup_) {
    with_cgroup_ = false;
    return open_event(processor);
  }
  return fail(Error::from_errno(errno, "watch with perf_event_open(2)", kSignalTracepoint));
}

Status SignalTrace::open_ring(int processor) {
  CGW_ASSIGN(UniqueFd event, open_event(processor));
  if (::ioctl(event.get(), PERF_EVENT_IOC_SET_FILTER, filter().c_str()) != 0) {
    return fail(Error::from_errno(errno, "filter", kSignalTracepoint));
  }
  CGW_ASSIGN(PerfRing ring, PerfRing::map(std::move(event), limits::kSignalRingPages));
  epoll_event interest{};
  interest.events = EPOLLIN;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, ring.fd(), &interest) != 0) {
    return fail(Error::from_errno(errno, "poll", kSignalTracepoint));
  }
  if (::ioctl(ring.fd(), PERF_EVENT_IOC_ENABLE, 0) != 0) {
    return fail(Error::from_errno(errno, "enable", kSignalTracepoint));
  }
  rings_.emplace(processor, Ring{std::move(ring)});
  return {};
}

Result<std::size_t> SignalTrace::follow_processors() {
  CGW_ASSIGN(const auto online, online_processors());
  const std::set<int> there(online.begin(), online.end());
  for (auto at = rings_.begin(); at != rings_.end();) {
    std::array<std::uint64_t, 2> values{};  // count, time enabled
    const ssize_t size = ::read(at->second.ring.fd(), values.data(), sizeof values);
    const bool runs = size == static_cast<ssize_t>(sizeof values) &&
                      values[1] != at->second.enabled_nsec && there.contains(at->first);
    at->second.enabled_nsec = values[1];
    if (!runs) read(at->second, pending_);
    at = runs ? std::next(at) : rings_.erase(at);
  }
  std::size_t opened = 0;
  for (const int processor : online) {
    if (rings_.contains(processor)) continue;
    const Status status = open_ring(processor);
    if (status) {
      ++opened;
    } else if (status.error().errno_value != ENODEV && status.error().errno_value != ENXIO) {
      return fail(status.error());  // else it went offline just now
    }
  }
  return opened;
}

void SignalTrace::read(Ring& ring, std::vector<PerfRecord>& records) {
  ring.ring.drain([&](std::uint32_t type, std::span<const std::byte> body) {
    if (type == PERF_RECORD_SAMPLE) {
      auto event = parse_sample(layout_, body, with_cgroup_);
      if (event) records.emplace_back(std::move(*event));
    } else if (type == PERF_RECORD_COMM) {
      auto named = parse_comm(body);
      if (named) records.emplace_back(std::move(*named));
    } else if (type == PERF_RECORD_LOST && body.size() >= 16) {
      std::uint64_t count = 0;  // struct { u64 id; u64 lost; }
      std::copy_n(body.data() + 8, sizeof count,
                  std::as_writable_bytes(std::span(&count, 1)).data());
      lost_ += count;
    }
  });
}

std::vector<PerfRecord> SignalTrace::drain() {
  std::vector<PerfRecord> records = std::exchange(pending_, {});
  for (auto& [processor, ring] : rings_) read(ring, records);
  const Usec suspended = suspended_time();
  for (auto& record : records) {
    std::visit([&](auto& event) { event.boottime += suspended; }, record);
  }
  std::ranges::stable_sort(records, {}, time_of);
  return records;
}

}  // namespace cgwarden::cgroup
