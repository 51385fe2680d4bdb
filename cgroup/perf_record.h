#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "base/result.h"
#include "base/units.h"
#include "cgroup/event_format.h"

// Records of perf_event_open(2) as cgroup/signal_trace.h asks for them. Pure: bytes in, values out.
namespace cgwarden::cgroup {

// signal:signal_generate. Task ids of the event itself are of the init pid namespace.
struct SignalGenerated {
  Usec boottime{0};       // of the record's own clock where it was parsed
  pid_t sender = 0;       // process, in the pid namespace of the reader; 0: the kernel's idle task
  pid_t sender_task = 0;  // thread
  std::optional<CgroupId> sender_cgroup;
  pid_t target = 0;  // thread: the leader's for what is sent to a process
  std::string target_comm;
  int signal = 0;
  // si_code: 0 kill(2) and cgroup.kill, -6 tgkill(2), 128 the kernel itself, above 0 a fault.
  int code = 0;
  bool group = false;  // for the process; cgroup.kill, tgkill and faults: no
  // TRACE_SIGNAL_*: 0 delivered, 1 ignored, 2 already pending, 3 and 4 overflow.
  int result = 0;
};

// PERF_RECORD_COMM: a process got a name, most often by execve(2).
struct ProcessNamed {
  Usec boottime{0};  // as above
  pid_t pid = 0;
  std::string comm;
};

using PerfRecord = std::variant<SignalGenerated, ProcessNamed>;

// The offsets of signal_generate in this kernel.
struct SignalLayout {
  std::uint32_t event = 0;  // its id
  EventField task, signal, code, comm, target, group, result;
};
// not_supported when a field is not there or not of the size it has in every known kernel.
[[nodiscard]] Result<SignalLayout> signal_layout(const EventFormat& format);

// The body (without its header) of a PERF_RECORD_SAMPLE of sample_type
// TID|TIME|RAW, and CGROUP when `with_cgroup`. nullopt: not such a record.
[[nodiscard]] std::optional<SignalGenerated> parse_sample(const SignalLayout& layout,
                                                          std::span<const std::byte> body,
                                                          bool with_cgroup);
// The body of a PERF_RECORD_COMM with sample_id_all. nullopt: of a thread, or not such a record.
[[nodiscard]] std::optional<ProcessNamed> parse_comm(std::span<const std::byte> body);

}  // namespace cgwarden::cgroup
