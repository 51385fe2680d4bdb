#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "launcher/capabilities.h"
#include "launcher/cgroup_host.h"
#include "launcher/cgroup_path.h"
#include "launcher/clone_child.h"
#include "launcher/console.h"
#include "launcher/control_writer.h"
#include "launcher/namespaces_of.h"
#include "launcher/oci/commands.h"
#include "launcher/oci/container.h"
#include "launcher/oci/create.h"
#include "launcher/oci/exec_process.h"
#include "launcher/oci/foreground.h"
#include "launcher/oci/inherited_fds.h"
#include "launcher/oci/listener.h"
#include "launcher/oci/log.h"
#include "launcher/oci/pidfd_socket.h"
#include "launcher/oci/seal.h"
#include "launcher/process_attributes.h"
#include "launcher/spawn.h"

namespace cgwarden::launcher::oci {
namespace {

struct ExecOptions {
  ProcessOptions process;
  std::string console_socket;
  std::string pid_file;
  std::string pidfd_socket;
  std::string cgroup;
  unsigned preserve_fds = 0;
  bool detach = false;
  bool ignore_paused = false;
  bool help = false;
};

std::vector<Option> table(ExecOptions& options) {
  ProcessOptions& process = options.process;
  return {
      {"process", 'p', "FILE", "the OCI process object (JSON)", into(process.file)},
      {"tty", 't', nullptr, "with a terminal", into(process.tty)},
      {"user", 'u', "UID[:GID]", "as this user", into(process.user)},
      {"additional-gids", 'g', "GID", "one more group", into(process.additional_gids)},
      {"cwd", 0, "DIR", "working directory in the container", into(process.cwd)},
      {"env", 'e', "KEY=VALUE", "one more environment variable", into(process.env)},
      {"cap", 'c', "CAP_NAME", "one more capability", into(process.capabilities)},
      {"no-new-privs", 0, nullptr, "set no_new_privs", into(process.no_new_privileges)},
      {"process-label", 0, "LABEL", "SELinux label", into(process.selinux_label)},
      {"apparmor", 0, "PROFILE", "AppArmor profile", into(process.apparmor_profile)},
      {"detach", 'd', nullptr, "do not wait for it", into(options.detach)},
      {"pid-file", 0, "FILE", "write its host pid there", into(options.pid_file)},
      {"console-socket", 0, "PATH", "socket that gets the terminal", into(options.console_socket)},
      {"pidfd-socket", 0, "PATH", "socket that gets a pidfd of it", into(options.pidfd_socket)},
      {"preserve-fds", 0, "N", "descriptors 3 to 2+N stay open", into(options.preserve_fds)},
      {"cgroup", 0, "PATH", "in this cgroup below the container's", into(options.cgroup)},
      {"ignore-paused", 0, nullptr, "allow it in a paused container", into(options.ignore_paused)},
      {"help", 'h', nullptr, "this text", into(options.help)},
  };
}

// Where the container's process is now: systemd as init moves itself into a cgroup below its own,
// and one that may write to the host's tree anywhere.
Outcome<ContainerCgroup> cgroup_of_process(const ContainerRecord& record) {
  ContainerCgroup cgroup = record.cgroup;
  CGW_ASSIGN(const std::string text, read_file("/proc/" + std::to_string(record.pid) + "/cgroup",
                                               limits::kControlFileBytes));
  CGW_ASSIGN(cgroup.path, unified_path(text));
  return cgroup;
}

// Gone, or with controllers enabled below it, and so not for processes.
bool takes_no_process(const LaunchError& error) {
  if (error.stage != "cgroup" && error.stage != "clone") return false;
  const int why = error.errno_value;
  return why == EBUSY || why == ENOENT || why == ENODEV || why == EOPNOTSUPP;
}

// --cgroup: one that the container, or somebody for it, has made below its own.
Outcome<ContainerCgroup> cgroup_below(const ContainerRecord& record, const std::string& path) {
  ContainerCgroup cgroup = record.cgroup;
  if (cgroup.path.empty()) {
    return refuse("--cgroup: container \"" + record.id + "\" has no cgroup of its own");
  }
  auto below = cgroupfs_path(record.cgroup.path + "/" + path, record.id, "");
  if (!below) {
    return refuse("bad sub cgroup path: --cgroup \"" + printable(path) +
                  "\" may have no \".\" and \"..\" in it");
  }
  cgroup.path = *std::move(below);
  CGW_TRY(open_container_cgroup(cgroup));
  return cgroup;
}

class Execution {
 public:
  Execution(const Global& global, const ExecOptions& options)
      : global_(global), options_(options) {}
  Outcome<int> run(const std::string& id, const Words& command);

 private:
  Outcome<void> look_up(const std::string& id);
  Outcome<Spawned> launch(int console);
  StepResult<Spawned> launch_in(const ContainerCgroup& cgroup, int console);

  const Global& global_;
  const ExecOptions& options_;
  ContainerRecord record_;
  Spec spec_;
  OpenNamespaces namespaces_;
  ContainerCgroup cgroup_;
  PidfdSocket pidfd_socket_;
};

Outcome<void> Execution::look_up(const std::string& id) {
  CGW_ASSIGN(const Container container, Container::open(global_.root, id));
  CGW_ASSIGN(record_, container.record());
  const ContainerStatus status = status_of(record_);
  if (status == ContainerStatus::paused && !options_.ignore_paused) {
    return refuse("cannot exec in a paused container: resume \"" + id +
                  "\" first, or use --ignore-paused");
  }
  if (status == ContainerStatus::stopped || status == ContainerStatus::creating) {
    return refuse("container \"" + id + "\" is not running: it is " +
                  std::string(to_string(status)));
  }
  CGW_ASSIGN(spec_, container.spec(record_));
  CGW_ASSIGN(namespaces_, open_namespaces(record_.pid));
  // The pid was still the container's when its files were opened.
  if (!open_process(record_).valid()) return refuse("container \"" + id + "\" is not running");
  cgroup_ = record_.cgroup;
  if (!options_.cgroup.empty()) {
    CGW_ASSIGN(cgroup_, cgroup_below(record_, options_.cgroup));
  }
  return {};
}

StepResult<Spawned> Execution::launch_in(const ContainerCgroup& cgroup, int console) {
  UniqueFd cgroup_fd;
  const bool born_there = is_born_in_its_cgroup(spec_);
  if (!cgroup.path.empty() && born_there) {
    auto opened = open_container_cgroup(cgroup);
    if (!opened) return cgroup_failure(opened.error());
    cgroup_fd = *std::move(opened);
  }
  SpawnRequest request;
  request.spec = &spec_;
  request.cgroup_fd = cgroup_fd.get();
  request.preserve_fds = options_.preserve_fds;
  request.console_socket = console;
  request.relayed_terminal = !options_.detach && ::isatty(STDOUT_FILENO) == 0;
  request.callers_fds = {log_file(), pidfd_socket_.get()};
  request.seccomp_cache = global_.root + "/.seccomp";
  request.seccomp_listener = [this](pid_t pid, const UniqueFd& listener) {
    return hand_over_listener(spec_, record_, pid, listener);
  };
  request.prepare = [&](pid_t child) -> StepResult<std::string> {
    if (!born_there && !cgroup.path.empty()) CGW_TRY(move_into(cgroup, child));
    return state_json(record_, ContainerStatus::running);
  };
  request.ready = [&](const Spawned& spawned) -> StepResult<std::string> {
    CGW_TRY(pidfd_socket_.send(spawned.pidfd, "setns"));
    if (options_.pid_file.empty()) return std::string();
    if (const auto written = write_pid_file(options_.pid_file, spawned.pid); !written) {
      return refused("state", written.error().text);
    }
    return std::string();
  };
  return spawn(request);
}

Outcome<Spawned> Execution::launch(int console) {
  // After the files that the caller may have passed open have been read (--process /dev/fd/N).
  close_others(3 + options_.preserve_fds);
  spec_.namespaces = namespaces_.entries;
  if (const Step connected = pidfd_socket_.connect(options_.pidfd_socket); !connected) {
    return std::unexpected(Failure(connected.error()));
  }
  auto spawned = launch_in(cgroup_, console);
  const bool named = !options_.cgroup.empty();
  if (!spawned && !named && !cgroup_.path.empty() && takes_no_process(spawned.error())) {
    const auto other = cgroup_of_process(record_);
    // Its pid was still its own when that was read.
    const bool valid = other && open_process(record_).valid();
    if (valid && other->path != cgroup_.path) spawned = launch_in(*other, console);
  }
  if (!spawned) return std::unexpected(Failure(spawned.error()));
  return *std::move(spawned);
}

Outcome<int> Execution::run(const std::string& id, const Words& command) {
  CGW_TRY(preserved_fds(options_.preserve_fds));
  CGW_TRY(look_up(id));
  CGW_TRY(use_process(spec_, options_.process, command));
  // Whoever enters a user namespace has every capability there.
  const bool user_namespace = std::ranges::any_of(namespaces_.entries, [](const Namespace& entry) {
    return entry.type == NamespaceType::user;
  });
  for (const auto& warning : capability_warnings(spec_.process.capabilities, user_namespace)) {
    log_warning(warning);
  }
  if (const auto& affinity = spec_.process.exec_cpu_affinity) {
    CGW_TRY(set_cpu_affinity(affinity->initial));
  }
  const auto launch_now = [this](int console) { return launch(console); };
  if (!options_.detach) return run_in_foreground(spec_.process.terminal, launch_now);
  UniqueFd console;
  if (spec_.process.terminal) {
    if (options_.console_socket.empty()) {
      return refuse("a terminal needs --console-socket when exec is detached");
    }
    CGW_ASSIGN(console, connect_console_socket(options_.console_socket));
  }
  CGW_ASSIGN(const Spawned spawned, launch(console.get()));
  return 0;
}

}  // namespace

Outcome<int> exec(const Global& global, const Words& words) {
  ExecOptions options;
  const auto known = table(options);
  CGW_ASSIGN(const Words positional, parse_options("exec", words, known, true));
  if (options.help) {
    return print_help("exec [OPTION...] ID [COMMAND [ARG...]]",
                      "Runs one more process in a container.", known);
  }
  if (positional.empty()) return refuse("exec needs a container id", kUsage);
  const Words command(positional.begin() + 1, positional.end());
  if (command.empty() == options.process.file.empty()) {
    return refuse("exec needs either a command or --process FILE", kUsage);
  }
  // No file of the host goes along into the container.
  close_sealed_file();
  auto done = Execution(global, options).run(positional.front(), command);
  // 255: no shell gives it by itself, so callers can tell our failure from the command's.
  if (!done && done.error().exit_code == 1) {
    return std::unexpected(Failure(done.error().text, 255));
  }
  return done;
}

}  // namespace cgwarden::launcher::oci
