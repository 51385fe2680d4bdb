// cgwarden-scope: makes, stops and changes one scope of systemd for the runtime (scope_request.h),
// which stays free of D-Bus this way. The request comes on stdin, the answer goes to stdout.
#include <unistd.h>

#include <string>
#include <string_view>

#include "base/file.h"
#include "base/limits.h"
#include "launcher/scope_bus.h"

namespace {

using namespace cgwarden;

launcher::ScopeAnswer answer_stdin() {
  const auto text = read_all(STDIN_FILENO, "stdin", limits::kControlFileBytes);
  if (!text) return {"", text.error().sentence()};
  const auto request = launcher::parse_scope_request(*text);
  if (!request) return {"", request.error().sentence()};
  return launcher::carry_out(*request);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    return write_all(STDOUT_FILENO, "cgwarden-scope " CGWARDEN_VERSION "\n", "stdout") ? 0 : 1;
  }
  if (argc != 1) {
    (void)write_all(
        STDERR_FILENO,
        "cgwarden-scope: the OCI runtime starts this program; it is of no use by hand\n", "stderr");
    return 2;
  }
  const launcher::ScopeAnswer answer = answer_stdin();
  const bool told = write_all(STDOUT_FILENO, launcher::to_json(answer), "stdout").has_value();
  return told && answer.error.empty() ? 0 : 1;
}
