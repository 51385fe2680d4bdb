#include <fmt/format.h>

#include <string_view>

#include "diagnosis/rules/last_words.h"
#include "diagnosis/rules/rules.h"

namespace cgwarden::diagnosis::rules {

namespace {

std::string_view advice(int code) {
  switch (code) {
    case 125:
      return "125 is what launchers (docker, env, timeout) give when they fail themselves: see the "
             "last words.";
    case 126:
      return "126 is what a shell gives for a command that is found and not executable: check its "
             "mode, its interpreter and noexec mounts.";
    case 127:
      return "127 is what a shell gives for a command that is not found: check PATH and the files "
             "of the rootfs.";
    default:
      return "The reason is the program's own: see its last words and its log.";
  }
}

}  // namespace

std::optional<Verdict> exited(const DeathCase& death) {
  const auto& exit = death.evidence.main_exit;
  if (!exit || exit->kind != MainExit::Kind::exited) return std::nullopt;
  const auto ruled_out = death.oom_ruled_out();
  Verdict verdict =
      death.begin(VerdictClass::exited, ruled_out ? Confidence::proven : Confidence::strong);
  const int code = exit->status;
  verdict.actor = Actor{death.evidence.main_pid, "the program itself"};
  verdict.answer =
      code == 0
          ? fmt::format("{} finished: it ended by itself with exit code 0", death.evidence.workload)
          : fmt::format("{} ended by itself with exit code {}", death.evidence.workload, code);
  if (ruled_out) verdict.ruled_out.push_back(*ruled_out);
  if (code > 128 && code <= 128 + 64) {
    const std::string signal = signal_name(code - 128);
    verdict.ruled_out.push_back(fmt::format(
        "{}: exit code {} is the program's own (a shell reports its child's signal so); no {} was "
        "delivered to the main process",
        signal, code, signal));
  }
  death.contribute_oom_kills(verdict);
  if (death.oom_kills_seen()) {
    verdict.advice.push_back(
        "The exit may be the program's answer to the OOM kill of its child: look at memory.max.");
  } else if (code != 0) {
    verdict.advice.emplace_back(advice(code));
  }
  if (code != 0 && !death.oom_kills_seen()) add_last_words(death, verdict);
  death.quote_memory_events(verdict);
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
