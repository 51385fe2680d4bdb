#pragma once

#include "base/result.h"
#include "launcher/spec.h"

// spec.overlay on its way from the agent to the shim, as annotations of config.json:
// io.github.cgwarden.layers (a JSON list of paths, the lowest first) and
// io.github.cgwarden.writable (a path; absent: a tmpfs). Only the shim looks at them: in the OCI
// runtime annotations may come from whoever wrote a pod, and must not choose directories of the
// host.
namespace cgwarden::launcher {

// Without spec.overlay does nothing.
void annotate_overlay(Spec& spec);

// Fills spec.overlay. invalid, naming the annotation, for anything but what annotate_overlay
// writes.
[[nodiscard]] Status read_overlay_annotations(Spec& spec);

}  // namespace cgwarden::launcher
