#include "launcher/oci/commands.h"

#include <unistd.h>

#include "base/file.h"

namespace cgwarden::launcher::oci {

Outcome<std::string> only_id(const std::string& command, const Words& positional) {
  if (positional.size() == 1) return positional.front();
  return refuse(command + " needs exactly one container id", kUsage);
}

Outcome<int> print(std::string_view text) {
  CGW_TRY(write_all(STDOUT_FILENO, text, "stdout"));
  return 0;
}

Outcome<int> print_help(const std::string& usage, const std::string& text,
                        const std::vector<Option>& options) {
  return print("Usage: cgwarden-oci " + usage + "\n\n" + text + "\n\nOptions:\n" +
               describe(options));
}

}  // namespace cgwarden::launcher::oci
