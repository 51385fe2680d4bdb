#pragma once

#include <optional>
#include <string>

#include "agent/options.h"
#include "agent/workload_files.h"
#include "base/result.h"
#include "base/units.h"
#include "cgroup/tree.h"

// What is done to a workload without asking an agent, by its files and its cgroup. All calls block.
namespace cgwarden::agent {

// Does an agent run with this runtime directory (agent.lock)? Its workloads are stopped and removed
// through it alone: it would restart them.
[[nodiscard]] bool agent_runs(const std::string& runtime_dir);

// The number of "TERM", "SIGTERM", "RTMIN+1" or "15".
[[nodiscard]] std::optional<int> signal_of(const std::string& text);

// A signal for the command, by way of the built-in init. invalid: it does not run.
[[nodiscard]] Status signal_directly(const WorkloadFiles& files, int number);

// Returns once all processes stand still or go on. invalid: it does not run; busy: they do not
// stand still in ten seconds.
[[nodiscard]] Status pause_directly(const cgroup::Tree& tree, const WorkloadFiles& files,
                                    bool paused);

// The workload's stop signal, and after `timeout` SIGKILL to all of its processes; returns when its
// shim has ended. Nothing restarts it then: the note for a later agent says so. A living run in the
// foreground is asked to stop it, with SIGTERM.
[[nodiscard]] Status stop_directly(const cgroup::Tree& tree, const Options& options,
                                   const WorkloadFiles& files, Usec timeout,
                                   const std::string& reason);

// Removes the state and logs of a workload that has ended, and with `force` ends a living one.
// busy: it lives.
[[nodiscard]] Status remove_directly(const cgroup::Tree& tree, const Options& options,
                                     const WorkloadFiles& files, bool force);

// What a stop of it begins with (stop_signal.h), as its note says; SIGTERM without a note.
[[nodiscard]] int stop_signal_of(const Options& options, const WorkloadFiles& files);

}  // namespace cgwarden::agent
