#pragma once

#include "diagnosis/signal_record.h"

namespace cgwarden::diagnosis {

struct DeathCase;

// Which of the signals that were seen ended the main process. Pointers are into the evidence.
struct SignalAttribution {
  // Ended it, or the init which took it along; nullptr: not seen.
  const SignalSent* fatal = nullptr;
  // Whose sender is the actor: `fatal`, or what the built-in init passed on to it.
  const SignalSent* origin = nullptr;
  // Before a fatal SIGKILL: the last SIGTERM by a process, which it outlived.
  const SignalSent* earlier_term = nullptr;
  // It was killed because PID 1 of its pid namespace ended.
  bool namespace_ended = false;
  bool ours = false;  // sent by cgwarden

  [[nodiscard]] bool by_process() const { return fatal != nullptr && fatal->by_process(); }
};

// Of a case whose exit statuses are known.
[[nodiscard]] SignalAttribution attribute_signal(const DeathCase& death);

}  // namespace cgwarden::diagnosis
