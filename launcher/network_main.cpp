// cgwarden-network: makes and removes networks for the shim, the runtime and the agent
// (network_request.h), which stay free of netlink and nftables this way. The request comes on
// stdin, the answer goes to stdout.
#include <syslog.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/limits.h"
#include "launcher/network_connect.h"

namespace {

using namespace cgwarden;

launcher::NetworkAnswer refusal(std::string text) {
  launcher::NetworkAnswer answer;
  answer.error = launcher::LaunchError{"network", 0, std::move(text)};
  return answer;
}

launcher::NetworkAnswer answer_stdin() {
  const auto text = read_all(STDIN_FILENO, "stdin", limits::kControlFileBytes);
  if (!text) return refusal(text.error().sentence());
  const auto request = launcher::parse_network_request(*text);
  if (!request) return refusal(request.error().sentence());
  auto answer = launcher::carry_out(*request);
  if (answer) return *std::move(answer);
  launcher::NetworkAnswer failure;
  failure.error = std::move(answer).error();
  return failure;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    return write_all(STDOUT_FILENO, "cgwarden-network " CGWARDEN_VERSION "\n", "stdout") ? 0 : 1;
  }
  if (argc != 1) {
    (void)write_all(STDERR_FILENO,
                    "cgwarden-network: the shim and the OCI runtime start this program; it is of "
                    "no use by hand\n",
                    "stderr");
    return 2;
  }
  ::signal(SIGCHLD, SIG_DFL);
  ::signal(SIGPIPE, SIG_IGN);
  ::openlog("cgwarden-network", LOG_PID, LOG_DAEMON);
  const launcher::NetworkAnswer answer = answer_stdin();
  const bool told = write_all(STDOUT_FILENO, launcher::to_json(answer), "stdout").has_value();
  return told && !answer.error ? 0 : 1;
}
