#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cgwarden::cgroup {

// The end of a process that is nobody's child here.
struct ProcessExit {
  pid_t pid = 0;   // in the init pid namespace
  int status = 0;  // as waitpid(2) gives it
};

// One message of the process connector (include/uapi/linux/cn_proc.h). nullopt: of a thread, or no
// exit.
[[nodiscard]] std::optional<ProcessExit> parse_process_event(std::span<const std::byte> message);

// Ends of all processes of the machine, filtered in the kernel: no event of forks, threads and
// names reaches this socket.
//
// Thread rule: one thread.
class ProcessConnector {
 public:
  // not_permitted without CAP_NET_ADMIN in the first user namespace, not_supported without
  // CONFIG_PROC_EVENTS.
  [[nodiscard]] static Result<ProcessConnector> open();

  [[nodiscard]] int fd() const { return socket_.get(); }
  // All that is there now. Does not block.
  [[nodiscard]] Result<std::vector<ProcessExit>> drain();
  // How often the socket's buffer ran over (ENOBUFS); how many events that cost is not known.
  [[nodiscard]] std::uint64_t overruns() const { return overruns_; }

 private:
  explicit ProcessConnector(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;
  std::uint64_t overruns_ = 0;
};

}  // namespace cgwarden::cgroup
