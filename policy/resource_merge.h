#pragma once

#include <string_view>

#include "policy/resources.h"

namespace cgwarden::policy {

// `base` with the knobs of `over` in place of its own, each as a whole, with their positions.
[[nodiscard]] Resources merge(const Resources& base, const Resources& over);

// Takes a knob out by the name of its control file: it is not managed then.
void erase_knob(Resources& resources, std::string_view file);

}  // namespace cgwarden::policy
