#pragma once

#include "launcher/oci/container.h"
#include "launcher/oci/failure.h"

namespace cgwarden::launcher::oci {

// SIGKILL to every process of the container and removal of its cgroup; what is gone already is no
// error. The container's process has ended when this returns.
[[nodiscard]] Outcome<void> release_resources(const ContainerRecord& record);

// release_resources(), the poststop hooks (a failing one is only logged: runtime.md "Lifecycle"
// 13), and the state directory. `hooks` are those of the container's config.
[[nodiscard]] Outcome<void> destroy(const Container& container, const ContainerRecord& record,
                                    const std::vector<Hook>& poststop);

}  // namespace cgwarden::launcher::oci
