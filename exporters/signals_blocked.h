#pragma once

#include <csignal>

namespace cgwarden::exporters {

// While it lives, threads are born with all signals blocked: they inherit the mask of their maker.
// The agent takes signals by signalfd in one thread only; a thread of the library with an open mask
// would let them end the process.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace cgwarden::exporters
