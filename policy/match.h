#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace cgwarden::policy {

// Does a glob match a whole cgroup path? Both start with "/". `*` and `?` match within one
// component, `**` is a component of its own and stands for any number of components, none included,
// except at the end, where it stands for at least one: "/system.slice/**" is everything below
// system.slice. [...] and [!...] as in glob(7), without classes. A backslash is an ordinary
// character, as systemd's names have them ("dev-disk\x2d1.mount"). A glob with a fault matches
// nothing.
[[nodiscard]] bool glob_matches(std::string_view glob, std::string_view path);

// Empty when the glob is well formed, else what is wrong with it.
[[nodiscard]] std::string_view glob_fault(std::string_view glob);

// The same with the byte of the glob at which it goes wrong.
struct GlobFault {
  std::size_t offset = 0;
  std::string_view message;
};
[[nodiscard]] std::optional<GlobFault> find_glob_fault(std::string_view glob);

// The same for a name as a whole, of a unit or a container: `*`, `?` and [...] alone; a "/" is an
// ordinary character.
[[nodiscard]] bool name_matches(std::string_view glob, std::string_view name);
[[nodiscard]] std::optional<GlobFault> find_name_glob_fault(std::string_view glob);

}  // namespace cgwarden::policy
