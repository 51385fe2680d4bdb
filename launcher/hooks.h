#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// Runs hooks one after the other (config.md "POSIX-platform Hooks"): the container's state as JSON
// on stdin, exactly the hook's environment or, when it names none, `inherited` (nullptr: the
// caller's own), its args or else its path as argv; the working directory, namespaces and user of
// the caller. The first one that cannot run, ends with anything
// but 0 or outlives its timeout (then killed, with its process group) ends it with an error that
// names the hook and the last line of its stderr. `stage` is that of the error: "createRuntime",
// ... For a single-threaded caller: only fork and exec, nothing else between.
[[nodiscard]] Step run_hooks(const std::vector<Hook>& hooks, const std::string& stage,
                             const std::string& state_json,
                             const std::vector<std::string>* inherited = nullptr);

// hooks[number] alone, by the same rules.
[[nodiscard]] Step run_hook(const std::vector<Hook>& hooks, std::size_t number,
                            const std::string& stage, const std::string& state_json,
                            const std::vector<std::string>* inherited = nullptr);

}  // namespace cgwarden::launcher
