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

// The end of a thread of a process that is nobody's child here. That of the first thread, which has
// the pid of the process, is no end of the process while other threads go on.
struct ProcessExit {
  pid_t pid = 0;     // of the process, in the init pid namespace
  int status = 0;    // as waitpid(2) gives it, if this was the last thread
  pid_t thread = 0;  // that ended
  pid_t parent = 0;  // of the process, at that moment; 0: it had been reaped already
};

// One message of the process connector (include/uapi/linux/cn_proc.h). nullopt: no exit.
[[nodiscard]] std::optional<ProcessExit> parse_process_event(std::span<const std::byte> message);

// Ends of all processes of the machine, filtered in the kernel: no event of forks and names reaches
// this socket, and of threads none but the first ones and those of watch_threads().
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
  // From now on also the ends of all threads of these processes: of those whose first thread ended
  // before the others. The first limits::kThreadsWatched of them.
  [[nodiscard]] Status watch_threads(std::span<const pid_t> processes);
  // How often the socket's buffer ran over (ENOBUFS); how many events that cost is not known.
  [[nodiscard]] std::uint64_t overruns() const { return overruns_; }

 private:
  explicit ProcessConnector(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;
  std::uint64_t overruns_ = 0;
};

}  // namespace cgwarden::cgroup
