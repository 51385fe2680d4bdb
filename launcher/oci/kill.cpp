#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>

#include "base/text.h"
#include "launcher/oci/commands.h"
#include "launcher/oci/container.h"
#include "launcher/oci/id_pattern.h"
#include "launcher/oci/signal_name.h"

namespace cgwarden::launcher::oci {
namespace {

// containerd takes "container not running" for success: what was to be ended has ended.
std::unexpected<Failure> not_running(const std::string& id, ContainerStatus status) {
  return refuse("container not running: \"" + id + "\" is " + std::string(to_string(status)));
}

Outcome<void> signal_one(const ContainerRecord& record, int number) {
  const UniqueFd pidfd = open_process(record);
  if (pidfd.valid() && ::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) == 0) {
    return {};
  }
  if (!pidfd.valid() || errno == ESRCH) {
    return not_running(record.id, ContainerStatus::stopped);
  }
  return std::unexpected(Failure(
      Error::from_errno(errno, "send the signal to", "process " + std::to_string(record.pid))));
}

// Frozen meanwhile, so that none forks away from under the list.
Outcome<void> signal_all(const ContainerRecord& record, int number) {
  if (record.cgroup.path.empty()) return signal_one(record, number);
  if (number == SIGKILL) {
    CGW_TRY(kill_all(record.cgroup));
    return {};
  }
  const bool was_frozen = is_frozen(record.cgroup);
  if (!was_frozen) {
    const Status frozen = freeze(record.cgroup);
    // systemd takes away a scope that nobody is left in: all have got what they could get.
    if (!frozen && frozen.error().kind == ErrorKind::vanished) return {};
    CGW_TRY(frozen);
  }
  const auto pids = processes(record.cgroup);
  if (pids) {
    for (const pid_t pid : *pids) ::kill(pid, number);
  }
  if (!was_frozen) CGW_TRY(thaw(record.cgroup));
  if (!pids) return std::unexpected(Failure(pids.error()));
  return {};
}

// Processes may be left after the first one has ended.
bool has_processes(const ContainerRecord& record) {
  if (record.cgroup.path.empty()) return false;
  const auto pids = processes(record.cgroup);
  return pids && !pids->empty();
}

// The first one may have moved itself into another cgroup.
Outcome<void> kill_everybody(const ContainerRecord& record) {
  CGW_TRY(kill_all(record.cgroup));
  if (open_process(record).valid()) (void)signal_one(record, SIGKILL);
  return {};
}

Outcome<void> signal_container(const Global& global, const std::string& id, int number, bool all) {
  CGW_ASSIGN(const Container container, Container::open(global.root, id));
  CGW_ASSIGN(const ContainerRecord record, container.record());
  const ContainerStatus status = status_of(record);
  if (status == ContainerStatus::creating) return not_running(record.id, status);
  if (all && status == ContainerStatus::stopped && !record.cgroup.path.empty()) {
    return signal_all(record, number);
  }
  // The death of the first process ends the others in a pid namespace that began with it alone.
  if (!all && number == SIGKILL && !record.own_pid_namespace && has_processes(record)) {
    return kill_everybody(record);
  }
  if (status == ContainerStatus::stopped) return not_running(record.id, status);
  return all ? signal_all(record, number) : signal_one(record, number);
}

}  // namespace

Outcome<int> kill(const Global& global, const Words& words) {
  bool help = false;
  bool all = false;
  bool regex = false;
  const std::vector<Option> options{
      {"all", 'a', nullptr, "every process of the container", into(all)},
      {"regex", 'r', nullptr, "every container whose id matches this expression", into(regex)},
      {"help", 'h', nullptr, "this text", into(help)}};
  CGW_ASSIGN(const Words positional, parse_options("kill", words, options));
  if (help) {
    return print_help(
        "kill [--all] [--regex] ID [SIGNAL]",
        "Sends a signal (name or number; default TERM) to the container's process. KILL is for all "
        "of them when it has no pid namespace of its own.",
        options);
  }
  if (positional.empty() || positional.size() > 2) {
    return refuse("kill needs a container id and at most one signal", kUsage);
  }
  const std::string& name = positional.size() == 2 ? positional[1] : "TERM";
  const auto number = signal_number(name);
  if (!number) return refuse("\"" + printable(name) + "\" is not a signal");
  if (!regex) {
    CGW_TRY(signal_container(global, positional.front(), *number, all));
    return 0;
  }
  CGW_ASSIGN(const Words ids, ids_matching(global.root, positional.front()));
  return each_of(ids,
                 [&](const std::string& id) { return signal_container(global, id, *number, all); });
}

}  // namespace cgwarden::launcher::oci
