#pragma once

#include "launcher/scope_request.h"

namespace cgwarden::launcher {

// Carries out one request at the service manager (org.freedesktop.systemd1(5)) and waits until its
// job is done. Only cgwarden-scope is linked with it.
[[nodiscard]] ScopeAnswer carry_out(const ScopeRequest& request);

}  // namespace cgwarden::launcher
