#include <fmt/format.h>

#include <csignal>
#include <cstdint>

#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {
namespace {

struct Limit {
  const char* name = nullptr;
  const char* what = nullptr;
};

// RLIMIT_CPU counts whole seconds, and a process may send itself the kernel's own code.
bool can_have_used_a_second(const DeathCase& death) {
  constexpr std::uint64_t kAlmost = 900'000;
  if (death.payload == nullptr || !death.payload->after.cpu_stat) return true;
  const auto used = death.payload->after.cpu_stat->usage_usec;
  return !used || *used >= kAlmost;
}

// SIGXFSZ goes to the thread that wrote, by itself (code 0); the timer of RLIMIT_CPU is the
// kernel's.
Limit limit_of(const DeathCase& death, int signal) {
  const SignalSent* record = death.signal.fatal;
  const bool by_itself = record != nullptr && record->sender.pid == record->target;
  if (record != nullptr && record->by_process() && !by_itself) return {};
  switch (signal) {
    case SIGXFSZ:
      return {"RLIMIT_FSIZE", "it wrote beyond its limit of a file's size"};
    case SIGXCPU:
      if (!can_have_used_a_second(death)) {
        return {"RLIMIT_RTTIME", "a real-time task of it ran for too long without a pause"};
      }
      return {"RLIMIT_CPU", "it used up its CPU time"};
    case SIGKILL:
      // Sent by the kernel in its own timer tick. OOM was ruled out before.
      if (by_itself && !record->by_process() && death.oom_ruled_out() &&
          record->code == SignalSent::kFromKernel && can_have_used_a_second(death)) {
        return {"RLIMIT_CPU", "it used up its CPU time (the hard limit)"};
      }
      return {};
    default:
      return {};
  }
}

}  // namespace

std::optional<Verdict> rlimit_exceeded(const DeathCase& death) {
  const auto& exit = death.evidence.main_exit;
  if (!exit || exit->kind == MainExit::Kind::exited) return std::nullopt;
  const Limit limit = limit_of(death, exit->status);
  if (limit.name == nullptr) return std::nullopt;
  // The limit in force was not seen, and the same signal can be sent with kill(2).
  const bool seen = death.signal.fatal != nullptr;
  Verdict verdict =
      death.begin(VerdictClass::rlimit_exceeded, seen ? Confidence::strong : Confidence::likely);
  verdict.actor = Actor{std::nullopt, "the kernel, for " + std::string(limit.name)};
  verdict.answer = fmt::format("{} was ended by {}: {} ({})", death.evidence.workload,
                               signal_name(exit->status), limit.what, limit.name);
  if (seen) quote_signal(*death.signal.fatal, verdict);
  if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
  death.contribute_oom_kills(verdict);
  death.quote_memory_events(verdict);
  verdict.advice.push_back(fmt::format(
      "Raise {} in the workload's rlimits, or find out why it needs more.", limit.name));
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
