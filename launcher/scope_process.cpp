// Runs cgwarden-scope for one request (scope_request.h).
#include "launcher/beside_program.h"
#include "launcher/scope_request.h"

namespace cgwarden::launcher {

Result<std::string> ask_systemd(const ScopeRequest& request) {
  const std::string program = "cgwarden-scope";
  CGW_ASSIGN(const std::string text,
             run_beside(program, to_json(request),
                        "the systemd cgroup driver needs this program; without it use the cgroupfs "
                        "driver"));
  if (text.empty()) {
    return fail(Error{ErrorKind::io, 0, "reach", "systemd", program + " ended without an answer"});
  }
  CGW_ASSIGN(const ScopeAnswer answer, parse_scope_answer(text));
  if (!answer.error.empty()) {
    return fail(Error{ErrorKind::io, 0, "have systemd carry out", request.unit, answer.error});
  }
  return answer.path;
}

}  // namespace cgwarden::launcher
