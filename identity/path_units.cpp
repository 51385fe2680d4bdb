#include "identity/path_units.h"

#include <algorithm>
#include <cctype>

#include "identity/unit_name.h"

namespace cgwarden::identity {
namespace {

using Components = std::span<const std::string_view>;

// Takes the slices at the beginning; the last one is where the unit is.
Components skip_slices(Components rest, Identity& identity) {
  while (!rest.empty() && is_slice_name(without_escape(rest.front()))) {
    identity.slice = without_escape(rest.front());
    rest = rest.subspan(1);
  }
  return rest;
}

std::optional<std::string_view> session_of(std::string_view unit) {
  const auto session = between(unit, "session-", ".scope");
  const bool valid = session && std::ranges::all_of(
                                    *session, [](unsigned char c) { return std::isalnum(c) != 0; });
  return valid ? session : std::nullopt;
}

Kind kind_of_unit(const Identity& identity) {
  if (!identity.session.empty()) return Kind::session;
  if (identity.unit.ends_with(".service")) return Kind::service;
  return identity.unit.ends_with(".scope") ? Kind::scope : Kind::unit;
}

// The unit that `rest` begins with; kind when it is the whole of it.
bool take_unit(Components rest, Identity& identity) {
  if (rest.empty() || !is_unit_name(without_escape(rest.front()))) return false;
  identity.unit = without_escape(rest.front());
  identity.session = session_of(identity.unit).value_or("");
  identity.kind = rest.size() == 1 ? kind_of_unit(identity) : Kind::group;
  return true;
}

}  // namespace

void add_units(Components components, Identity& identity) {
  if (components.empty()) {
    identity.kind = Kind::root;
    return;
  }
  Components rest = skip_slices(components, identity);
  if (const auto uid = between(identity.slice, "user-", ".slice"); uid && parse_uid(*uid)) {
    identity.user = *uid;
  }
  if (rest.empty()) {
    identity.kind = Kind::slice;
    return;
  }
  if (!take_unit(rest, identity)) return;
  const auto uid = between(rest.front(), "user@", ".service");
  if (!uid || !parse_uid(*uid)) return;
  identity.user = *uid;
  rest = rest.subspan(1);
  if (rest.empty()) return;
  identity.owner = parse_uid(*uid);
  rest = skip_slices(rest, identity);
  if (rest.empty()) {
    identity.kind = Kind::slice;
  } else {
    take_unit(rest, identity);
  }
}

}  // namespace cgwarden::identity
