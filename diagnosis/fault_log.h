#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/units.h"
#include "diagnosis/kmsg.h"

// The kernel's own lines about faults of processes, and about signals to all of them. Pure.
namespace cgwarden::diagnosis {

// One of arch/x86/mm/fault.c ("segfault at"), arch/x86/kernel/traps.c ("traps:"), kernel/audit.c
// (type=1326, seccomp), all of them rate-limited and the first two also silent for signals that are
// handled, so that no line says nothing; or one of drivers/tty/sysrq.c, with which the kernel sends
// a signal to every process but PID 1 of the machine.
struct FaultRecord {
  pid_t thread = -1;  // in the init pid namespace; of sysrq none
  // "segfault", "trap invalid opcode", "general protection fault", "seccomp", "sysrq"
  std::string what;
  std::optional<int> signal;   // of seccomp: the one it was killed with; of sysrq: that to all
  std::optional<int> syscall;  // of seccomp: its number
  std::string arch;            // of seccomp: that of the number, as AUDIT_ARCH_* in hexadecimal
  std::string line;            // the kernel's words
  Usec boottime{0};            // as the record has it
  std::uint64_t sequence = 0;
};

// nullopt: another line, or one that a process wrote to /dev/kmsg. Names of processes and files
// with such words in them are told from the kernel's.
[[nodiscard]] std::optional<FaultRecord> parse_fault(const KmsgRecord& record);

}  // namespace cgwarden::diagnosis
