#pragma once

#include "launcher/launch_step.h"

namespace cgwarden::launcher {

// Copies what the directory `from` holds (an O_PATH or readable fd) into the directory `to`, with
// owners, modes, and extended attributes where `to` has them: mount option
// tmpcopyup. Directories, files, symbolic links and FIFOs; sockets and device nodes are left out,
// since a copy of them would not be the thing itself. Nothing is followed out of `from`.
[[nodiscard]] Step copy_up(int from, int to);

}  // namespace cgwarden::launcher
