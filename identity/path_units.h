#pragma once

#include <span>
#include <string_view>

#include "identity/identity.h"

namespace cgwarden::identity {

// Fills in unit, slice, session, user, owner and, when the path ends at a unit, kind. `components`:
// of the path, without empty ones. Like systemd: slices first, then one unit; after
// user@UID.service the same again. What follows the unit was made by its processes.
void add_units(std::span<const std::string_view> components, Identity& identity);

}  // namespace cgwarden::identity
