#pragma once

#include <functional>

#include "launcher/oci/failure.h"
#include "launcher/spawn.h"

namespace cgwarden::launcher::oci {

// Starts a command by `launch` (which gets the socket for the terminal's master, -1 without a
// terminal), passes signals on to it, relays its terminal, and answers with its exit status: its
// code, or 128+N when signal N ended it.
[[nodiscard]] Outcome<int> run_in_foreground(bool terminal,
                                             const std::function<Outcome<Spawned>(int)>& launch);

}  // namespace cgwarden::launcher::oci
