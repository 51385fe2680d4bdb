#pragma once

#include <functional>
#include <string>

#include "launcher/launch_step.h"

namespace cgwarden::launcher {

// Runs `work` in a forked child, which may change its namespaces, user and root as it likes, and
// gives back what it returns.
[[nodiscard]] std::string in_child(const std::function<std::string()>& work);

// "done" or the sentence of the error.
[[nodiscard]] std::string said(const Step& step);

// In a child: a mount namespace (and those of `flags`) of its own with the container of `spec` as
// root, as isolate() makes it.
[[nodiscard]] Step enter_container(const Spec& spec, int flags = 0);

}  // namespace cgwarden::launcher
