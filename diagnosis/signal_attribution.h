#pragma once

#include "diagnosis/signal_record.h"

namespace cgwarden::diagnosis {

struct DeathCase;
struct DeathEvidence;

// Which of the signals that were seen ended the main process. Pointers are into the evidence.
struct SignalAttribution {
  // Ended it, or the init which took it along; nullptr: not seen.
  const SignalSent* fatal = nullptr;
  // Whose sender is the actor: `fatal`, or what the built-in init passed on to it.
  const SignalSent* origin = nullptr;
  // Before a fatal SIGKILL: the last SIGTERM of the same actor that it could have ended on.
  const SignalSent* earlier_term = nullptr;
  // The same process sent both, and the SIGTERM was seen to find a program that runs.
  bool term_certain = false;
  // A SIGTERM before it that shows no refusal, and why.
  const SignalSent* idle_term = nullptr;
  enum class Idle { of_another, frozen, stopped } idle = Idle::of_another;
  // A SIGKILL of init came from the same in the same way: the whole cgroup was meant.
  bool init_too = false;
  // The kernel may have sent it: a process gets the signal that it asked for with PR_SET_PDEATHSIG
  // in the name of its dying parent.
  enum class ParentDeath { no, possible, likely } parent_death = ParentDeath::no;
  // It was killed because PID 1 of its pid namespace ended.
  bool namespace_ended = false;
  bool ours = false;  // sent by cgwarden

  [[nodiscard]] bool by_process() const { return fatal != nullptr && fatal->by_process(); }
};

// Can the kernel have sent this in the name of the main process's dying parent?
[[nodiscard]] SignalAttribution::ParentDeath parent_death_of(const DeathEvidence& evidence,
                                                             const SignalSent& sent);

// Of a case whose exit statuses are known.
[[nodiscard]] SignalAttribution attribute_signal(const DeathCase& death);

}  // namespace cgwarden::diagnosis
