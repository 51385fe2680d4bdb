#include "launcher/oci/destroy.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "launcher/hooks.h"
#include "launcher/oci/log.h"

namespace cgwarden::launcher::oci {
namespace {

// A process in an uninterruptible sleep (a dead NFS server) dies when that ends.
constexpr int kDeathMsec = 10'000;

Outcome<void> kill_process(const ContainerRecord& record) {
  const UniqueFd pidfd = open_process(record);
  if (!pidfd.valid()) return {};
  ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
  pollfd ended{pidfd.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&ended, 1, kDeathMsec);
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) {
    return refuse("the process " + std::to_string(record.pid) +
                  " does not die of SIGKILL: it sleeps in the kernel (state D)");
  }
  // In case it is ours (`run`); nobody else's zombie is touched.
  siginfo_t info{};
  (void)::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG);
  return {};
}

// The words of LaunchError speak of a start.
std::string without_start(const LaunchError& error) {
  std::string text = error.stage + ": " + error.text;
  if (error.errno_value != 0) text += std::string(": ") + std::strerror(error.errno_value);
  return text;
}

bool is_populated(const ContainerCgroup& cgroup) {
  const auto pids = processes(cgroup);
  return pids && !pids->empty();
}

}  // namespace

Outcome<void> release_resources(const ContainerRecord& record) {
  if (!record.cgroup_made) {
    CGW_TRY(kill_process(record));
    // Made or not, by us or not: an empty one at that place is no loss, one in use stays. A scope
    // of systemd goes by itself when it is empty.
    if (!record.cgroup.path.empty() && !is_populated(record.cgroup)) {
      (void)launcher::remove(record.cgroup);
    }
    return {};
  }
  if (const Status killed = kill_all(record.cgroup);
      !killed && killed.error().kind != ErrorKind::vanished) {
    return std::unexpected(Failure(killed.error()));
  }
  CGW_TRY(kill_process(record));
  CGW_TRY(launcher::remove(record.cgroup));
  return {};
}

Outcome<void> destroy(const Container& container, const ContainerRecord& record,
                      const std::vector<Hook>& poststop) {
  CGW_TRY(release_resources(record));
  if (poststop.empty()) return container.remove();
  const std::string state = state_json(record, ContainerStatus::stopped);
  for (std::size_t number = 0; number < poststop.size(); ++number) {
    if (const Step ran = run_hook(poststop, number, "poststop", state); !ran) {
      log_warning(without_start(ran.error()));
    }
  }
  return container.remove();
}

}  // namespace cgwarden::launcher::oci
