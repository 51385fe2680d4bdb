#include "launcher/oci/create.h"

#include <unistd.h>

#include <optional>
#include <utility>

#include "launcher/capabilities.h"
#include "launcher/clone_child.h"
#include "launcher/console.h"
#include "launcher/hooks.h"
#include "launcher/namespaces.h"
#include "launcher/network_ahead.h"
#include "launcher/oci/destroy.h"
#include "launcher/oci/inherited_fds.h"
#include "launcher/oci/listener.h"
#include "launcher/oci/log.h"
#include "launcher/oci/pidfd_socket.h"
#include "launcher/oci/seal.h"
#include "launcher/start_gate.h"
#include "launcher/state.h"

namespace cgwarden::launcher::oci {
namespace {

// Hooks of the host are told of the child before it goes on.
bool shows_child(const Spec& spec) {
  return !spec.hooks.prestart.empty() || !spec.hooks.create_runtime.empty();
}

// One container being made: what has been made so far, to be undone when the next thing fails.
class Creation {
 public:
  Creation(const Global& global, const CreateOptions& options, bool gated, int console,
           std::optional<Bundle> bundle)
      : global_(global),
        options_(options),
        gated_(gated),
        console_(console),
        bundle_(std::move(bundle)) {}
  Outcome<CreatedContainer> run();

 private:
  Outcome<void> open_channels();
  void begin_network();
  Outcome<void> write_first_record();
  Outcome<void> launch();
  StepResult<std::string> prepare(pid_t child);
  StepResult<std::string> ready(const Spawned& spawned);
  Step keep(const Outcome<void>& done) const;
  void undo();

  const Global& global_;
  const CreateOptions& options_;
  bool gated_;
  int console_;
  std::optional<Bundle> bundle_;
  CreatedContainer made_;
  UniqueFd console_socket_;
  PidfdSocket pidfd_socket_;
  UniqueFd gate_;
  UniqueFd cgroup_;
  unsigned inherited_fds_ = 0;
  bool hooks_began_ = false;
  std::optional<NetworkAhead> network_;
};

// A step's callback can only answer with a LaunchError.
Step Creation::keep(const Outcome<void>& done) const {
  if (done) return {};
  return refused("state", done.error().text);
}

Outcome<void> Creation::open_channels() {
  const Spec& spec = made_.spec;
  if (spec.process.terminal && console_ < 0) {
    if (options_.console_socket.empty()) {
      return refuse("process.terminal is true: a console socket is needed (--console-socket)");
    }
    CGW_ASSIGN(console_socket_, connect_console_socket(options_.console_socket));
    console_ = console_socket_.get();
  }
  CGW_TRY(pidfd_socket_.connect(options_.pidfd_socket));
  if (gated_) {
    CGW_ASSIGN(gate_, make_gate(made_.container.directory()));
  }
  return {};
}

// As early as can be: it takes as long as all that comes before somebody needs it.
void Creation::begin_network() {
  const Spec& spec = bundle_->spec;
  if (!shows_child(spec) && spec.net_devices.empty() && NetworkAhead::fits(spec)) {
    network_.emplace();
  }
}

// Written before anything exists that a later command would have to find and clear away.
Outcome<void> Creation::write_first_record() {
  if (!bundle_) {
    CGW_ASSIGN(bundle_, read_bundle(options_));
    begin_network();
  }
  Bundle& bundle = *bundle_;
  // For `exec` alone, which reads it from the config that is kept (config.md "execCPUAffinity").
  bundle.spec.process.exec_cpu_affinity.reset();
  for (const auto& warning : bundle.warnings) log_warning(warning);
  made_.spec = std::move(bundle.spec);
  for (const auto& warning : capability_warnings(made_.spec.process.capabilities,
                                                 made_.spec.has_namespace(NamespaceType::user))) {
    log_warning(warning);
  }
  CGW_ASSIGN(const unsigned sockets, pass_listen_fds(made_.spec.process));
  CGW_ASSIGN(const unsigned others, preserved_fds(options_.preserve_fds, 3 + sockets));
  inherited_fds_ = sockets + others;
  ContainerRecord& record = made_.record;
  record.oci_version = made_.spec.oci_version;
  record.id = options_.id;
  record.bundle = bundle.path;
  record.rootfs = made_.spec.root_path;
  record.created = timestamp();
  record.owner = ::geteuid();
  record.own_pid_namespace = makes_namespace(made_.spec, NamespaceType::pid);
  record.annotations = made_.spec.annotations;
  CGW_ASSIGN(record.cgroup, plan_container_cgroup(made_.spec, options_.id, global_.cgroup_driver));
  CGW_TRY(made_.container.keep_config(bundle.config_text));
  return made_.container.write_record(record);
}

StepResult<std::string> Creation::prepare(pid_t child) {
  const Spec& spec = made_.spec;
  made_.record.pid = child;
  if (global_.cgroup_driver == CgroupDriver::systemd) {
    CGW_ASSIGN(made_.record.cgroup,
               make_container_cgroup(spec, options_.id, global_.cgroup_driver, child));
    made_.record.cgroup_made = !made_.record.cgroup.path.empty();
  } else if (cgroup_.valid() && !is_born_in_its_cgroup(spec)) {
    CGW_TRY(move_into(made_.record.cgroup, child));
  }
  const auto start_time = process_start_time(child);
  if (!start_time) return refused("state", start_time.error().sentence());
  made_.record.start_time = *start_time;
  const std::string state = state_json(made_.record, ContainerStatus::creating);
  // On record before it may go on: else it would run unknown to everybody if we were killed then.
  made_.record.started = !gated_;
  made_.record.creating = true;
  CGW_TRY(keep(made_.container.write_record(made_.record)));
  hooks_began_ = true;
  CGW_TRY(run_hooks(spec.hooks.prestart, "prestart", state));
  CGW_TRY(run_hooks(spec.hooks.create_runtime, "createRuntime", state));
  return state;
}

StepResult<std::string> Creation::ready(const Spawned& spawned) {
  ContainerRecord& record = made_.record;
  if (std::exchange(record.creating, false)) {
    CGW_TRY(keep(made_.container.write_record(record)));
  }
  CGW_TRY(pidfd_socket_.send(spawned.pidfd, "standard"));
  if (!options_.pid_file.empty()) CGW_TRY(keep(write_pid_file(options_.pid_file, spawned.pid)));
  return state_json(record, ContainerStatus::created);
}

Outcome<void> Creation::launch() {
  const Spec& spec = made_.spec;
  // At once: a process of the container that may trace takes what the child still has open
  // (CVE-2024-21626).
  close_others(3 + inherited_fds_);
  if (global_.cgroup_driver != CgroupDriver::systemd) {
    CGW_ASSIGN(made_.record.cgroup,
               make_container_cgroup(spec, options_.id, global_.cgroup_driver, -1));
    made_.record.cgroup_made = !made_.record.cgroup.path.empty();
    if (made_.record.cgroup_made) {
      CGW_ASSIGN(cgroup_, open_container_cgroup(made_.record.cgroup));
    }
  }
  const auto& cgroup = made_.record.cgroup;
  const bool has_filter =
      global_.cgroup_driver == CgroupDriver::systemd ? !cgroup.unit.empty() : !cgroup.path.empty();
  // Rules that nothing enforces are none: the nodes of the rootfs then open nothing (nodev).
  if (auto& rules = made_.spec.resources.devices; !has_filter && !allow_every_device(rules)) {
    rules.clear();
  }
  SpawnRequest request;
  request.spec = &spec;
  request.cgroup_fd = is_born_in_its_cgroup(spec) ? cgroup_.get() : -1;
  request.preserve_fds = inherited_fds_;
  request.console_socket = console_;
  request.relayed_terminal = !console_socket_.valid() && ::isatty(STDOUT_FILENO) == 0;
  request.seccomp_listener = [this](pid_t pid, const UniqueFd& listener) {
    return hand_over_listener(made_.spec, made_.record, pid, listener);
  };
  request.start_gate = gate_.get();
  // Else a container that waits for `start` would hold the lock of a killed `create`.
  request.callers_fds = {made_.container.directory(), pidfd_socket_.get(), sealed_file(),
                         log_file()};
  request.seccomp_cache = global_.root + "/.seccomp";
  request.network = network_ ? &*network_ : nullptr;
  // `prepare` writes a record and no more.
  request.mounts_meanwhile = !shows_child(spec) && global_.cgroup_driver != CgroupDriver::systemd &&
                             (!cgroup_.valid() || is_born_in_its_cgroup(spec));
  request.new_keyring = !options_.no_new_keyring;
  request.pivot_root = !options_.no_pivot;
  request.prepare = [this](pid_t child) { return prepare(child); };
  request.ready = [this](const Spawned& spawned) { return ready(spawned); };
  CGW_ASSIGN(made_.spawned, spawn(request));
  return {};
}

void Creation::undo() {
  const auto& hooks = made_.spec.hooks.poststop;
  const auto undone =
      destroy(made_.container, made_.record, hooks_began_ ? hooks : std::vector<Hook>{});
  if (!undone) log_warning(undone.error().text);
}

Outcome<CreatedContainer> Creation::run() {
  if (bundle_) begin_network();
  CGW_ASSIGN(made_.container, Container::claim(global_.root, options_.id));
  Outcome<void> done = write_first_record();
  if (done) done = open_channels();
  if (done) done = launch();
  if (!done) {
    undo();
    return std::unexpected(done.error());
  }
  made_.container.unlock();
  return std::move(made_);
}

Outcome<CreatedContainer> make(const Global& global, const CreateOptions& options, bool gated,
                               std::optional<Bundle> bundle, int console) {
  return Creation(global, options, gated, console, std::move(bundle)).run();
}

}  // namespace

Outcome<CreatedContainer> create_container(const Global& global, const CreateOptions& options,
                                           bool gated) {
  return make(global, options, gated, {}, -1);
}

Outcome<CreatedContainer> create_container(const Global& global, const CreateOptions& options,
                                           bool gated, Bundle bundle, int console) {
  return make(global, options, gated, std::move(bundle), console);
}

}  // namespace cgwarden::launcher::oci
