#pragma once

#include "launcher/oci/container.h"

namespace cgwarden::launcher::oci {

// The poststart hooks. When one fails the container is destroyed and that hook's failure returned.
[[nodiscard]] Outcome<void> after_start(const Container& container, const ContainerRecord& record,
                                        const Spec& spec);

}  // namespace cgwarden::launcher::oci
