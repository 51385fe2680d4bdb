#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace cgwarden::cli {

std::string version_text() { return "cgwarden " CGWARDEN_VERSION; }

int version(const Common& common) {
  // "version" is the schema's, as in every --json.
  print(common.json ? fmt::format("{{\"version\":1,\"cgwarden\":\"{}\"}}\n", CGWARDEN_VERSION)
                    : version_text() + "\n");
  return kOk;
}

}  // namespace cgwarden::cli
