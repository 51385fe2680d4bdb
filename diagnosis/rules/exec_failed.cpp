#include <fmt/format.h>

#include <cstring>

#include "base/text.h"
#include "diagnosis/rules/rules.h"

namespace cgwarden::diagnosis::rules {

std::optional<Verdict> exec_failed(const DeathCase& death) {
  if (!death.evidence.launch_failure) return std::nullopt;
  const LaunchFailure& failure = *death.evidence.launch_failure;
  // The launcher itself says where it failed, with the system call's own errno: there is nothing to
  // infer.
  Verdict verdict = death.begin(VerdictClass::exec_failed, Confidence::proven);
  std::string reason = printable(failure.text);
  if (failure.errno_value != 0) reason += std::string(": ") + std::strerror(failure.errno_value);
  verdict.answer = fmt::format("{} was never started: {}", death.evidence.workload, reason);
  verdict.evidence.push_back({"launcher", "stage " + failure.stage,
                              failure.errno_value == 0
                                  ? reason
                                  : fmt::format("{} (errno {})", reason, failure.errno_value)});
  verdict.advice.push_back(
      failure.stage == "exec"
          ? "Correct `command` or the root file system; the path is looked up inside the rootfs."
          : "Mend what stage " + failure.stage + " names, then run it again.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
