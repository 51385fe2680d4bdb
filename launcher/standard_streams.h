#pragma once

#include "launcher/spec.h"

namespace cgwarden::launcher {

// Opens /dev/null for those of 0, 1 and 2 that the caller has closed: else a file of this program
// gets the number and becomes the command's. First of all in a program.
void fill_standard_streams();

// Pipes among descriptors 0, 1 and 2 become the user's, so that a command without root's rights can
// open /dev/stdout. The group stays; files, terminals and devices of the caller are not touched.
// A pipe whose owner the user namespace does not know is left as it is.
void give_pipes_to(const User& user);

// In the container's root: those of stdin, stdout and stderr that are the host's /dev/null become
// the container's own, so that fchmod(2) of /proc/self/fd/0 does not change the host's.
void open_null_anew();

}  // namespace cgwarden::launcher
