#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"
#include "diagnosis/verdict.h"

// What systemd itself says of the end of one of its services. Pure.
namespace cgwarden::diagnosis {

// How one run of a service of systemd ended, in systemd's words: the properties of
// org.freedesktop.systemd1(5).
struct UnitEnd {
  std::string unit;      // "web.service"
  std::string result;    // Result: "exit-code", "signal", "oom-kill", ...
  int code = 0;          // ExecMainCode: CLD_EXITED, CLD_KILLED or CLD_DUMPED; 0: no main process
  int status = 0;        // ExecMainStatus: exit code or signal
  pid_t main_pid = 0;    // ExecMainPID
  bool stopped = false;  // it left its active state before its main process ended: it was asked to
  Usec started{0};       // CLOCK_BOOTTIME
  Usec ended{0};
};

// A step of systemd that failed between fork and exec, by the exit code that stands for it
// (systemd.exec(5), "Process Exit Codes").
struct SystemdStep {
  int code = 0;
  std::string_view name;   // "EXEC"
  std::string_view means;  // "the command could not be executed"
};
[[nodiscard]] const SystemdStep* systemd_step_of(int exit_code);

// What systemd's own Result settles, whatever the exit status says.
struct UnitAnswer {
  VerdictClass verdict = VerdictClass::unknown;
  std::string text;    // one sentence
  std::string advice;  // empty: none
};
// nullopt: Result says no more than the wait status does.
[[nodiscard]] std::optional<UnitAnswer> answer_of_result(const UnitEnd& end);

// "Result=exit-code, ExecMainCode=exited, ExecMainStatus=203/EXEC"
[[nodiscard]] std::string quote_unit_end(const UnitEnd& end);

}  // namespace cgwarden::diagnosis
