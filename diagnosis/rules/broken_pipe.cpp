#include <fmt/format.h>

#include <csignal>

#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {
namespace {

// What pipe_write() and the sockets' sendmsg() do: the thread that wrote gets it, by itself.
// kill(2) sends to the process, and raise(3) has another code.
const SignalSent* own_write(const DeathCase& death) {
  for (const auto& record : death.evidence.signals.records) {
    if (record.signal == SIGPIPE && record.target == death.evidence.main_pid &&
        record.delivered() && record.is_own_write()) {
      return &record;
    }
  }
  return nullptr;
}

}  // namespace

std::optional<Verdict> broken_pipe(const DeathCase& death) {
  const auto& exit = death.evidence.main_exit;
  if (!exit || exit->kind == MainExit::Kind::exited || exit->status != SIGPIPE) {
    return std::nullopt;
  }
  const SignalSent* write = own_write(death);
  // The wait status alone is that of a SIGPIPE sent with kill(2), too, and rt_tgsigqueueinfo(2) to
  // itself looks like the write.
  Verdict verdict = death.begin(VerdictClass::broken_pipe,
                                write != nullptr ? Confidence::strong : Confidence::likely);
  verdict.actor = Actor{death.evidence.main_pid, "the kernel, for the program's own write"};
  verdict.answer = fmt::format(
      "{} was ended by SIGPIPE: it wrote to a pipe or socket {}", death.evidence.workload,
      write != nullptr ? "whose reader was gone" : "whose reader was gone, as far as is known");
  if (write != nullptr) {
    quote_signal(*write, verdict);
    verdict.ruled_out.emplace_back(
        "another process: the kernel raised the signal for a write of the program itself");
  }
  if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
  death.contribute_oom_kills(verdict);
  death.quote_memory_events(verdict);
  verdict.advice.emplace_back(
      "Look at who read its output: that one ended, or closed its end, first. A program that is to "
      "outlive its reader ignores SIGPIPE and takes EPIPE from write(2).");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
