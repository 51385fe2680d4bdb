#pragma once

namespace cgwarden::launcher {

// Dispositions of a child until its execve(2), which makes default ones of all: signals whose
// default action ends a process (signal(7)) do so, also in the first process of a pid namespace,
// which the kernel lets no default action end: it exits with 128+signal. Every other one has its
// default action, so nothing that the caller ignored stays ignored. For a caller that has all
// signals blocked.
void set_launch_dispositions();

// While alive the signals that end a process are not blocked.
class EndingSignals {
 public:
  EndingSignals();
  EndingSignals(const EndingSignals&) = delete;
  EndingSignals& operator=(const EndingSignals&) = delete;
  ~EndingSignals();
};

}  // namespace cgwarden::launcher
