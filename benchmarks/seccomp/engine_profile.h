#pragma once

#include "launcher/spec.h"

namespace cgwarden::benchmarks {

// The shape of the container engines' default profiles: an allow list of every ordinary call, some
// conditions, three architectures.
[[nodiscard]] launcher::Seccomp engine_profile();

}  // namespace cgwarden::benchmarks
