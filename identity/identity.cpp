#include "identity/identity.h"

#include <vector>

#include "identity/path_containers.h"
#include "identity/path_units.h"

#include "base/text.h"

namespace cgwarden::identity {

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::group:
      return "group";
    case Kind::root:
      return "root";
    case Kind::slice:
      return "slice";
    case Kind::service:
      return "service";
    case Kind::scope:
      return "scope";
    case Kind::unit:
      return "unit";
    case Kind::session:
      return "session";
    case Kind::pod:
      return "pod";
    case Kind::container:
      return "container";
    case Kind::sandbox:
      return "sandbox";
    case Kind::machine:
      return "machine";
    case Kind::vm:
      return "vm";
    case Kind::workload:
      return "workload";
  }
  return "";
}

Identity of_path(std::string_view path) {
  auto components = split(path, '/');
  std::erase(components, std::string_view());
  Identity identity;
  add_units(components, identity);
  add_containers(components, identity);
  return identity;
}

}  // namespace cgwarden::identity
