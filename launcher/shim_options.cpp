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
  if (option == "--cgroup-root") return take_text(value, options.cgroup_root);
  if (option == "--log-driver") {
    options.log.journal = value == "journal";
    return options.log.journal || value == "file";
  }
  if (option == "--log-max-files") return take_number(value, options.log.max_files);
  if (option == "--log-max-bytes") {
    const auto bytes = parse_integer<std::size_t>(value);
    options.log.max_bytes = bytes.value_or(0);
    return options.log.max_bytes > 0;
  }
  if (option == "--stdin-fd") return take_number(value, options.stdin_fd);
  if (option == "--stdout-fd") return take_number(value, options.stdout_fd);
  if (option == "--stderr-fd") return take_number(value, options.stderr_fd);
  return option == "--console-fd" && take_number(value, options.console_fd);
}

constexpr std::array<std::string_view, 6> kRequired{
    "--name", "--incarnation", "--spec-fd", "--control-fd", "--state-dir", "--cgroup-root"};
constexpr std::array<std::string_view, 7> kOptional{
    "--log-driver", "--log-max-bytes", "--log-max-files", "--stdin-fd",
    "--stdout-fd",  "--stderr-fd",     "--console-fd"};

// The value of an option that may stand once; nullptr when it is not there.
Result<const std::string*> value_of(std::string_view name,
                                    const std::vector<std::string>& arguments) {
  const std::string* value = nullptr;
  for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
    if (arguments[i] != name) continue;
    if (value != nullptr) {
      return fail(Error::invalid("use the option", std::string(name), "it stands twice"));
    }
    value = &arguments[i + 1];
  }
  return value;
}

}  // namespace

Result<ShimOptions> parse_shim_options(const std::vector<std::string>& arguments) {
  ShimOptions options;
  std::size_t known = 0;
  const auto read = [&](std::string_view name, bool required) -> Status {
    CGW_ASSIGN(const std::string* value, value_of(name, arguments));
    if (value == nullptr) {
      if (!required) return {};
      return fail(Error::invalid("use the command line", "", std::string(name) + " is missing"));
    }
    ++known;
    if (take(std::string(name), *value, options)) return {};
    return fail(Error::invalid("use the option", std::string(name) + " " + *value,
                               "it is not a valid value"));
  };
  for (const auto name : kRequired) CGW_TRY(read(name, true));
  for (const auto name : kOptional) CGW_TRY(read(name, false));
  if (arguments.size() != 2 * known) {
    return fail(Error::invalid("use the command line", "", "it has words beyond its options"));
  }
  return options;
}

}  // namespace cgwarden::launcher
