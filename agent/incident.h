#pragma once

#include <string>
#include <vector>

#include "agent/kernel_log.h"
#include "agent/signal_watch.h"
#include "diagnosis/evidence.h"
#include "launcher/state.h"

namespace cgwarden::agent {

// Turns what the shim recorded and the kernel log said into evidence: texts are parsed, an
// unparsable one goes to `lost`. Used by the agent at a death and by `cgwarden why` when the agent
// is dead.
[[nodiscard]] diagnosis::DeathEvidence evidence_of(const launcher::ExitRecord& record,
                                                   const KernelLogExtract& log,
                                                   std::vector<diagnosis::OwnAction> own_actions,
                                                   std::vector<std::string> lost);

// Adds the kernel log's OOM kills, and what of it was lost.
void add_kernel_log(const KernelLogExtract& log, diagnosis::DeathEvidence& evidence);

// Adds who signalled the main process and its init, of what the agent of this process has seen.
void add_signals(SignalWatch& watch, diagnosis::DeathEvidence& evidence);

}  // namespace cgwarden::agent
