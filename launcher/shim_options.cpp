#include <array>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "launcher/shim.h"

namespace cgwarden::launcher {
namespace {

bool take_number(const std::string& text, int& to) {
  const auto value = parse_integer<int>(text);
  if (!value || *value < 0) return false;
  to = *value;
  return true;
}

bool take_number(const std::string& text, unsigned& to) {
  const auto value = parse_integer<unsigned>(text);
  if (!value || *value == 0) return false;
  to = *value;
  return true;
}

bool take_text(const std::string& text, std::string& to) {
  to = text;
  return !text.empty();
}

bool take(const std::string& option, const std::string& value, ShimOptions& options) {
  if (option == "--name") return take_text(value, options.name);
  if (option == "--incarnation") return take_number(value, options.incarnation);
  if (option == "--spec-fd") return take_number(value, options.spec_fd);
  if (option == "--control-fd") return take_number(value, options.control_fd);
  if (option == "--state-dir") return take_text(value, options.state_dir);
  return option == "--cgroup-root" && take_text(value, options.cgroup_root);
}

}  // namespace

Result<ShimOptions> parse_shim_options(const std::vector<std::string>& arguments) {
  static constexpr std::array<std::string_view, 6> kNames{
      "--name", "--incarnation", "--spec-fd", "--control-fd", "--state-dir", "--cgroup-root"};
  ShimOptions options;
  for (const auto name : kNames) {
    const std::string* value = nullptr;
    for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
      if (arguments[i] != name) continue;
      if (value != nullptr) {
        return fail(Error::invalid("use the option", std::string(name), "it stands twice"));
      }
      value = &arguments[i + 1];
    }
    if (value == nullptr) {
      return fail(Error::invalid("use the command line", "", std::string(name) + " is missing"));
    }
    if (!take(std::string(name), *value, options)) {
      return fail(Error::invalid("use the option", std::string(name) + " " + *value,
                                 "it is not a valid value"));
    }
  }
  if (arguments.size() != 2 * kNames.size()) {
    return fail(Error::invalid("use the command line", "", "it has words beyond its six options"));
  }
  return options;
}

}  // namespace cgwarden::launcher
