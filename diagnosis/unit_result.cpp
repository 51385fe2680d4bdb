#include "diagnosis/unit_result.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

#include "base/text.h"

namespace cgwarden::diagnosis {
namespace {

// src/shared/exit-status.h; the words are ours.
constexpr std::array kSteps{
    SystemdStep{200, "CHDIR", "its WorkingDirectory= cannot be entered"},
    SystemdStep{201, "NICE", "Nice= could not be set"},
    SystemdStep{202, "FDS", "its file descriptors could not be arranged"},
    SystemdStep{203, "EXEC",
                "its command could not be executed: is the file there, executable, and "
                "its interpreter too?"},
    SystemdStep{204, "MEMORY", "there was no memory for its start"},
    SystemdStep{205, "LIMITS", "a Limit...= could not be set"},
    SystemdStep{206, "OOM_ADJUST", "OOMScoreAdjust= could not be set"},
    SystemdStep{207, "SIGNAL_MASK", "its signal mask could not be set"},
    SystemdStep{208, "STDIN", "its standard input could not be opened"},
    SystemdStep{209, "STDOUT", "its standard output could not be opened"},
    SystemdStep{210, "CHROOT", "RootDirectory= cannot be used"},
    SystemdStep{211, "IOPRIO", "IOSchedulingClass= or -Priority= could not be set"},
    SystemdStep{212, "TIMERSLACK", "TimerSlackNSec= could not be set"},
    SystemdStep{213, "SECUREBITS", "SecureBits= could not be set"},
    SystemdStep{214, "SETSCHEDULER", "CPUSchedulingPolicy= could not be set"},
    SystemdStep{215, "CPUAFFINITY", "CPUAffinity= could not be set"},
    SystemdStep{216, "GROUP", "its Group= does not exist or could not be taken"},
    SystemdStep{217, "USER", "its User= does not exist or could not be taken"},
    SystemdStep{218, "CAPABILITIES", "its capabilities could not be set"},
    SystemdStep{219, "CGROUP", "it could not be put into its cgroup"},
    SystemdStep{220, "SETSID", "no session could be made for it"},
    SystemdStep{221, "CONFIRM", "its start was not confirmed at the console"},
    SystemdStep{222, "STDERR", "its standard error could not be opened"},
    SystemdStep{224, "PAM", "PAM refused its session (PAMName=)"},
    SystemdStep{225, "NETWORK", "its network namespace could not be made"},
    SystemdStep{226, "NAMESPACE",
                "its mount, UTS or IPC namespace could not be made: is every path of "
                "ReadWritePaths=, BindPaths= and the like there?"},
    SystemdStep{227, "NO_NEW_PRIVILEGES", "NoNewPrivileges= could not be set"},
    SystemdStep{228, "SECCOMP", "its system call filter could not be set"},
    SystemdStep{229, "SELINUX_CONTEXT", "SELinuxContext= could not be set"},
    SystemdStep{230, "PERSONALITY", "Personality= could not be set"},
    SystemdStep{231, "APPARMOR", "AppArmorProfile= could not be set"},
    SystemdStep{232, "ADDRESS_FAMILIES", "RestrictAddressFamilies= could not be set"},
    SystemdStep{233, "RUNTIME_DIRECTORY", "RuntimeDirectory= could not be made"},
    SystemdStep{235, "CHOWN", "the owner of its socket could not be changed"},
    SystemdStep{236, "SMACK_PROCESS_LABEL", "SmackProcessLabel= could not be set"},
    SystemdStep{237, "KEYRING", "its kernel keyring could not be made"},
    SystemdStep{238, "STATE_DIRECTORY", "StateDirectory= could not be made"},
    SystemdStep{239, "CACHE_DIRECTORY", "CacheDirectory= could not be made"},
    SystemdStep{240, "LOGS_DIRECTORY", "LogsDirectory= could not be made"},
    SystemdStep{241, "CONFIGURATION_DIRECTORY", "ConfigurationDirectory= could not be made"},
    SystemdStep{242, "NUMA_POLICY", "NUMAPolicy= could not be set"},
    SystemdStep{243, "CREDENTIALS",
                "its credentials (LoadCredential= and others) could not be read"},
    SystemdStep{244, "BPF", "its BPF restrictions could not be set"},
};

std::string signal_of_end(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("SIG{}", name);
}

bool by_signal(const UnitEnd& end) { return end.code == CLD_KILLED || end.code == CLD_DUMPED; }

// "was ended by SIGKILL of systemd", or by itself.
std::string ended(const UnitEnd& end) {
  if (by_signal(end)) {
    return fmt::format("{} was ended by {} of systemd", end.unit, signal_of_end(end.status));
  }
  if (end.code == CLD_EXITED) {
    return fmt::format("{} was ended by systemd and exited with code {}", end.unit, end.status);
  }
  return end.unit + " was ended by systemd";
}

UnitAnswer not_started(const UnitEnd& end, const SystemdStep& step) {
  return {VerdictClass::exec_failed,
          fmt::format("{} was not started: {} (systemd's exit code {}/{})", end.unit, step.means,
                      step.code, step.name),
          fmt::format("journalctl -u {} has systemd's own line with the error of this step.",
                      end.unit)};
}

}  // namespace

const SystemdStep* systemd_step_of(int exit_code) {
  const auto* found = std::ranges::find(kSteps, exit_code, &SystemdStep::code);
  return found == kSteps.end() ? nullptr : found;
}

std::optional<UnitAnswer> answer_of_result(const UnitEnd& end) {
  const std::string_view result = end.result;
  if (result == "watchdog") {
    return UnitAnswer{
        VerdictClass::killed_by_watchdog, ended(end) + ": it missed its watchdog (WatchdogSec=)",
        "Look at what it did at the time: `cgwarden history " + end.unit +
            "`. A program that is throttled or waits for memory or disk does not come "
            "to send its keep-alive; raise WatchdogSec= only after that."};
  }
  if (result == "timeout") {
    return UnitAnswer{VerdictClass::killed_by_user,
                      ended(end) +
                          ": it was not done in the time that its unit gives it to start, "
                          "to stop or to run",
                      "TimeoutStartSec=, TimeoutStopSec= and RuntimeMaxSec= of the unit; "
                      "`journalctl -u " +
                          end.unit + "` says which."};
  }
  if (result == "exit-code" && end.code == CLD_EXITED) {
    if (const auto* step = systemd_step_of(end.status)) return not_started(end, *step);
    return std::nullopt;
  }
  if (end.code != 0) return std::nullopt;
  if (result == "resources") {
    return UnitAnswer{VerdictClass::exec_failed,
                      end.unit +
                          " was not started: systemd itself could not make what its start "
                          "needs (Result=resources), an EnvironmentFile= or a process "
                          "among others",
                      "journalctl -u " + end.unit + " says what was missing."};
  }
  if (result == "start-limit-hit") {
    return UnitAnswer{VerdictClass::exec_failed,
                      end.unit +
                          " was not started again: it had failed too often in a short time "
                          "(Result=start-limit-hit)",
                      "Why it failed before is the answer: `cgwarden why " + end.unit +
                          "` has the earlier ends. systemctl reset-failed lets it start again."};
  }
  if (result == "protocol") {
    return UnitAnswer{VerdictClass::exec_failed,
                      end.unit +
                          " did not keep the protocol of its Type=: it ended, or left no main "
                          "process, before it had said that it was up",
                      "Type=, PIDFile= and NotifyAccess= of the unit must fit the program."};
  }
  return std::nullopt;
}

std::string quote_unit_end(const UnitEnd& end) {
  std::string text = "Result=" + printable(end.result);
  if (end.code == CLD_EXITED) {
    const auto* step = systemd_step_of(end.status);
    text += fmt::format(", ExecMainCode=exited, ExecMainStatus={}", end.status);
    if (step != nullptr) text += fmt::format("/{}", step->name);
  } else if (by_signal(end)) {
    text += fmt::format(", ExecMainCode={}, ExecMainStatus={}/{}",
                        end.code == CLD_DUMPED ? "dumped" : "killed", end.status,
                        signal_of_end(end.status));
  }
  return text;
}

}  // namespace cgwarden::diagnosis
