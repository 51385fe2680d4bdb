#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"

namespace cgwarden::diagnosis {

// A process as far as it could be looked up at once; empty and absent: it was gone, or not asked.
struct ProcessSeen {
  pid_t pid = 0;  // in the init pid namespace; 0: the kernel's own
  std::string comm;
  std::string exe;
  std::string command;  // the beginning of its command line, blanks between the words
  std::string cgroup;
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> login_uid;  // of the session it descends from
};

// Whether a signal's target could have acted on it, by a look at it right after the signal.
enum class TargetState {
  unknown,  // it was gone, or not asked
  able,
  stopped,  // state T: waits for SIGCONT
  frozen,   // by cgroup.freeze of its cgroup or of one above it
};

// A fatal or stop signal as signal:signal_generate tells it (include/trace/events/signal.h).
struct SignalSent {
  // si_code of the kernel's own signals, for no fault: the OOM killer, RLIMIT_CPU, and the end of a
  // pid namespace alike.
  static constexpr int kFromKernel = 128;

  Usec boottime{0};
  int signal = 0;
  int code = 0;        // si_code
  bool group = false;  // for the process; not: cgroup.kill, tgkill(2), a fault
  int result = 0;      // 0 delivered, 1 ignored, 2 pending already
  ProcessSeen sender;
  pid_t target = 0;       // process
  pid_t target_task = 0;  // thread
  pid_t sender_task = 0;  // thread
  // The sending thread had ended, or was about to, when it was looked for; absent: not asked.
  std::optional<bool> sender_ended;
  TargetState target_state = TargetState::unknown;
  std::string target_cgroup;
  std::optional<pid_t> target_tracer;     // by ptrace(2); 0: nobody; absent: as target_state
  bool target_is_namespace_init = false;  // PID 1 of a pid namespace of its own
  // Extended attributes user.oomd_* and trusted.oomd_* of the target's cgroup or one above it,
  // which oomd daemons set before they kill.
  std::map<std::string, std::string> oomd_marks;
  std::string oomd_cgroup;  // that has them

  [[nodiscard]] bool delivered() const { return result != 1; }
  // By kill(2), sigqueue(3) or tgkill(2) (SI_USER, SI_QUEUE, SI_TKILL), or with a code of its own
  // choice (rt_sigqueueinfo(2)): the kernel has none below SI_TKILL.
  [[nodiscard]] bool by_process() const { return code == 0 || code == -1 || code <= -6; }
  // A timer, message queue or I/O of the target's own ran out or was ready (SI_TIMER to SI_SIGIO):
  // its sender is whoever the CPU ran just then. Others can forge it with rt_sigqueueinfo(2).
  [[nodiscard]] bool by_own_notification() const { return code <= -2 && code >= -5; }
  // Its sender is who happened to need memory, or PID 1 of the namespace; and both it and the
  // target may not be read in /proc: whose memory a reader holds keeps its pages charged beyond its
  // end, and the next charge makes a second OOM kill.
  [[nodiscard]] bool is_kernels_kill() const { return code == kFromKernel && signal == 9; }
  // SIGPIPE and SIGXFSZ of a thread's own write: the kernel names the thread as its sender.
  [[nodiscard]] bool is_own_write() const {
    return code == 0 && !group && sender.pid > 0 && sender.pid == target;
  }
  [[nodiscard]] bool by_cgroup_kill() const { return code == 0 && !group; }
  // Its tracer ended, and had asked for its end with PTRACE_O_EXITKILL (kernel/ptrace.c). The OOM
  // killer and the end of a pid namespace send for the whole process.
  [[nodiscard]] bool by_tracers_end() const {
    return is_kernels_kill() && !group && sender.pid > 0 && sender.pid != target;
  }
  // To itself a process may send any code at all (rt_sigqueueinfo(2), rt_tgsigqueueinfo(2)).
  [[nodiscard]] bool is_to_itself() const { return sender.pid > 0 && sender.pid == target; }
  // As the kernel raises faults: for the thread that made it. rt_tgsigqueueinfo(2) to itself looks
  // the same.
  [[nodiscard]] bool looks_like_fault() const { return code > 0 && !group; }
  // Of a terminal: a key of it, its hang-up, or the end of its session. The sender is who wrote to
  // it or closed it, or a worker of the kernel.
  [[nodiscard]] bool by_terminal() const {
    return code == kFromKernel && group &&
           (signal == 1 || signal == 2 || signal == 3 || signal == 20);
  }
};

// Those that concern one death.
struct SignalEvidence {
  bool watched = false;  // at the time of the death
  std::vector<SignalSent> records;
};

}  // namespace cgwarden::diagnosis
