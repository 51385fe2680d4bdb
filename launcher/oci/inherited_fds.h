#pragma once

#include "launcher/oci/failure.h"
#include "launcher/spec.h"

namespace cgwarden::launcher::oci {

// --preserve-fds N: answers N when the descriptors `first` to `first`+N-1 are open.
[[nodiscard]] Outcome<unsigned> preserved_fds(unsigned count, unsigned first = 3);

// Closes what else the caller left open, from `first` on: a container that waits for `start` would
// hold it, as the end of a pipe that somebody reads to its end. Own files are close-on-exec and
// stay.
void close_others(unsigned first);

// sd_listen_fds(3): sockets that this program was activated with (LISTEN_FDS, with our pid in
// LISTEN_PID) go on to the container's command, which is its pid 1, as descriptors 3 to 2+N, before
// those of --preserve-fds. Answers N; 0 without such sockets. Adds LISTEN_FDS, LISTEN_PID and, if
// given, LISTEN_FDNAMES to the environment of the command. A number that is none and a descriptor
// that is not open are refused.
[[nodiscard]] Outcome<unsigned> pass_listen_fds(Process& process);

}  // namespace cgwarden::launcher::oci
