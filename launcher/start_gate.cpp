#include "launcher/start_gate.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "launcher/ending_signals.h"
#include "launcher/launch_report.h"

namespace cgwarden::launcher {
namespace {

// sun_path has 108 bytes and a state directory may be longer: by way of its descriptor it is short.
sockaddr_un address_below(int directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(directory) + "/" + kGateName;
  path.copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
  return address;
}

}  // namespace

StepResult<UniqueFd> make_gate(int directory) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_below(directory);
  if (!socket.valid() ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(socket.get(), 1) != 0) {
    return failed("state", std::string(kGateName) + " cannot be made in the state directory");
  }
  return socket;
}

StepResult<UniqueFd> wait_at_gate(int gate) {
  const EndingSignals ending;
  for (;;) {
    UniqueFd connection(::accept4(gate, nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection.valid()) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return failed("start", "the start gate broke");
    }
    // Somebody who connects and leaves again has changed nothing.
    if (receive_go(connection.get())) return connection;
  }
}

std::optional<LaunchError> open_gate(
    int directory, const std::function<Step(pid_t pid, UniqueFd listener)>& listener) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_below(directory);
  const int on = 1;
  if (!socket.valid() ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0 ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      !send_go(socket.get(), {})) {
    return LaunchError{"start", errno, "nobody waits to be started"};
  }
  LaunchOutcome outcome =
      receive_outcome(socket.get(), {.until_ready = false, .listener = listener});
  if (outcome.refused && !outcome.error) {
    return LaunchError{"start", 0, "the command that waited to be started has ended"};
  }
  return std::move(outcome.error);
}

}  // namespace cgwarden::launcher
