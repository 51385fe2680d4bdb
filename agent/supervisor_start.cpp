// Supervisor: from a workload to a running command, step by step; each step is an event of the
// loop.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>

#include "agent/image_store.h"
#include "agent/managed.h"
#include "agent/network_options.h"
#include "agent/oci_spec.h"
#include "agent/rootless.h"
#include "agent/supervisor.h"
#include "base/file.h"
#include "base/log.h"
#include "cgroup/control_file.h"
#include "launcher/network.h"
#include "launcher/overlay_config.h"
#include "policy/plan.h"

namespace cgwarden::agent {
void Supervisor::start(Managed& managed) {
  managed.state = WorkloadState::starting;
  if (managed.removal.pending()) {  // the next incarnation begins in cgroups of its own
    managed.start_when_clean = true;
    return;
  }
  start_now(managed);
}

void Supervisor::start_now(Managed& managed) {
  managed.own_actions.clear();
  ++managed.note.incarnation;
  managed.note.shim_pid = -1;
  managed.note.scope.clear();
  Status ready = save_note(managed);
  const std::string directory = workload_directory(options_.runtime_dir, managed.name());
  for (const auto* file : {"/status.json", "/exit.json", "/health.json", "/network.json"}) {
    ::unlink((directory + file).c_str());
  }
  if (ready) ready = spawn_shim(managed);
  if (!ready) {
    managed.start_error = ready.error();
    if (managed.shim.pid > 0) managed.shim.kill_and_reap();
    shim_ended(managed);
    return;
  }
  const std::string name = managed.name();
  const unsigned incarnation = managed.note.incarnation;
  parts_.scopes->create(name, managed.shim.pid,
                        [this, name, incarnation](Result<std::string> scope) {
                          scope_created(name, incarnation, std::move(scope));
                        });
}

Result<launcher::Spec> Supervisor::spec_of(const Managed& managed) {
  policy::Workload workload = managed.workload;
  if (!managed.note.image.empty()) {
    const ImageStore store(options_.state_dir);
    CGW_ASSIGN(const Image image, store.find(managed.note.image));
    CGW_TRY(apply_image(store, image, workload));
  }
  launcher::Spec spec = compile(workload);
  if (::geteuid() != 0) CGW_TRY(map_to_caller(spec));
  spec.process.terminal = parts_.foreground != nullptr && parts_.foreground->console_fd >= 0;
  if (const std::string network = network_annotation(workload.network, options_);
      !network.empty()) {
    spec.annotations[launcher::kNetworkAnnotation] = network;
  }
  if (spec.overlay) {
    if (::geteuid() != 0) {
      return fail(Error{ErrorKind::not_permitted, 0, "launch", managed.name(),
                        "layers and images are for root; a user gives a rootfs directory"});
    }
    CGW_TRY(lay_root(spec, managed));
    return spec;
  }
  // A rootfs named through a symbolic link is what it points to; one that is not there is the
  // launcher's to report.
  std::error_code missing;
  const auto rootfs = std::filesystem::canonical(spec.root_path, missing);
  if (!missing) spec.root_path = rootfs.string();
  return spec;
}

// The directories that an overlay needs beside its layers.
Status Supervisor::lay_root(launcher::Spec& spec, const Managed& managed) {
  // One for all: each is mounted there in a mount namespace of its own.
  spec.root_path = options_.runtime_dir + "/rootfs";
  CGW_TRY(make_directories(spec.root_path, 0755));
  for (auto& layer : spec.overlay->layers) {
    std::error_code error;
    const auto absolute = std::filesystem::absolute(layer, error);
    if (!error) layer = absolute.string();
  }
  // A read-only root still gets its mount points, in memory.
  if (!managed.workload.readonly_rootfs && !managed.workload.upper_in_memory) {
    CGW_ASSIGN(const std::string directory, uppers_.make(managed.name()));
    spec.overlay->writable = std::filesystem::absolute(directory).string();
  }
  launcher::annotate_overlay(spec);
  return {};
}

Status Supervisor::spawn_shim(Managed& managed) {
  const std::string directory = workload_directory(options_.runtime_dir, managed.name());
  CGW_TRY(make_directories(directory, kWorkloadDirectoryMode));
  CGW_ASSIGN(const launcher::Spec spec, spec_of(managed));
  const std::string config = launcher::to_config(spec);
  CGW_TRY(write_file_atomically(directory + "/config.json", config, 0600));
  CGW_ASSIGN(managed.shim,
             start_shim({.executable = options_.shim,
                         .name = managed.name(),
                         .incarnation = managed.note.incarnation,
                         .config_json = config,
                         .state_dir = directory,
                         .cgroup_root = parts_.tree->root(),
                         .log = {.journal = managed.workload.log.journal,
                                 .max_bytes = managed.workload.log.max_size.value,
                                 .max_files = managed.workload.log.max_files},
                         .foreground =
                             parts_.foreground != nullptr ? *parts_.foreground : ForegroundFds{}}));
  CGW_TRY(note_shim(managed));
  CGW_ASSIGN(managed.shim_watch,
             parts_.loop->add(managed.shim.pidfd.get(), EPOLLIN,
                              [this, &managed](std::uint32_t) { shim_ended(managed); }));
  CGW_ASSIGN(managed.timer, parts_.loop->timer(kStartTimeout, Usec{0}, [this, &managed] {
    start_failed(managed, Error{ErrorKind::io, 0, "start", managed.name(),
                                "the shim did not answer in " + human_duration(kStartTimeout)});
  }));
  // The OOM killer must take the workload, never the process that would report its death. Raising
  // it again for the command is the launcher's oom_score_adj step. Best effort: lowering needs
  // CAP_SYS_RESOURCE.
  const std::string adjustment = "/proc/" + std::to_string(managed.shim.pid) + "/oom_score_adj";
  if (auto fd = open_at(AT_FDCWD, adjustment, O_WRONLY)) {
    if (const Status written = write_all(fd->get(), "-999", adjustment); !written) {
      log::debug("shim_not_protected", {{"error", written.error().sentence()}});
    }
  }
  return {};
}

// On disk before the shim is told to go: an agent that takes over finds it by this.
Status Supervisor::note_shim(Managed& managed) {
  CGW_ASSIGN(managed.note.shim_start_time, launcher::process_start_time(managed.shim.pid));
  managed.note.shim_pid = managed.shim.pid;
  managed.note.scope = managed.scope;
  return save_note(managed);
}

void Supervisor::scope_created(const std::string& name, unsigned incarnation,
                               Result<std::string> scope) {
  const auto found = workloads_.find(name);
  if (found == workloads_.end()) return;
  Managed& managed = *found->second;
  // The shim may have died while systemd was at work.
  if (managed.state != WorkloadState::starting || managed.note.incarnation != incarnation) return;
  if (!scope) return start_failed(managed, scope.error());
  if (const Status prepared = prepare_cgroups(managed, *scope); !prepared) {
    return start_failed(managed, prepared.error());
  }
  if (const Status noted = note_shim(managed); !noted) {
    return start_failed(managed, noted.error());
  }
  const std::string message = launcher::go_message(managed.payload);
  if (::send(managed.shim.control.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) {
    return start_failed(managed, Error::from_errno(errno, "reach the shim of", name));
  }
  auto watch = parts_.loop->add(managed.shim.control.get(), EPOLLIN,
                                [this, &managed](std::uint32_t) { shim_replied(managed); });
  if (!watch) return start_failed(managed, watch.error());
  managed.control_watch = std::move(*watch);
}

// scope/supervisor holds the shim, scope/payload all processes and all limits of the workload.
Status Supervisor::prepare_cgroups(Managed& managed, const std::string& scope) {
  const cgroup::Tree& tree = *parts_.tree;
  managed.scope = scope;
  managed.payload = scope + "/payload";
  const std::string supervisor = scope + "/supervisor";
  CGW_TRY(cgroup::create_cgroup(tree, supervisor));
  CGW_TRY(cgroup::move_process(tree, supervisor, managed.shim.pid));
  CGW_ASSIGN(const cgroup::Sample outer, tree.read_sample(scope));
  CGW_TRY(cgroup::enable_controllers(tree, scope,
                                     outer.controllers.value_or(std::vector<std::string>{})));
  CGW_TRY(cgroup::create_cgroup(tree, managed.payload));
  CGW_ASSIGN(const cgroup::Sample payload,
             tree.read_sample(managed.payload, cgroup::FileGroups::all()));
  return parts_.enforcer->apply_all(
      policy::plan_resources(payload, managed.workload.resources, "workload/" + managed.name()));
}

// The shim gives up when its control socket closes; its end leads on to shim_ended(), where the
// error is told.
void Supervisor::start_failed(Managed& managed, const Error& error) {
  managed.timer = {};
  managed.control_watch = {};
  managed.start_error = error;
  managed.shim.control.reset();
  ::syscall(SYS_pidfd_send_signal, managed.shim.pidfd.get(), SIGKILL, nullptr, 0);
}

void Supervisor::shim_replied(Managed& managed) {
  std::array<char, 16384> buffer{};
  const ssize_t size = ::recv(managed.shim.control.get(), buffer.data(), buffer.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  managed.control_watch = {};
  managed.timer = {};
  managed.shim.control.reset();
  // Closed without a word: the shim died; its pidfd says so next.
  if (size <= 0) return;
  const auto reply =
      launcher::parse_shim_reply(std::string(buffer.data(), static_cast<std::size_t>(size)));
  if (!reply) return start_failed(managed, reply.error());
  if (reply->error) {
    managed.reported = reply->error;
    answer_launch(managed, fail(start_error(managed.name(), *reply->error)));
    return;
  }
  running_now(managed, *reply);
}

void Supervisor::running_now(Managed& managed, const launcher::ShimReply& reply) {
  launcher::RunningStatus status;
  if (auto files = read_workload_files(options_.runtime_dir, managed.name());
      files && files->status && files->status->incarnation == managed.note.incarnation) {
    status = *files->status;
  } else {  // the shim wrote it before it replied; without it adoption is impossible but running is
            // not
    log::warning("status_unreadable", {{"workload", managed.name()}});
    status.name = managed.name();
    status.incarnation = managed.note.incarnation;
    status.shim_pid = managed.shim.pid;
    status.pid = reply.pid;
    status.main_pid = reply.main_pid;
    status.started = parts_.clock->now();
    status.cgroup = managed.payload;
  }
  managed.status = status;
  managed.state = WorkloadState::running;
  if (auto main = open_process(status.pid, status.pid_start_time)) {
    managed.main_pidfd = std::move(*main);
  }
  if (std::exchange(managed.note.unconfirmed, false)) (void)save_note(managed);
  watch_memory_events(managed);
  watch_health(managed, std::nullopt);
  log::info("workload_started", {{"workload", managed.name()},
                                 {"pid", std::to_string(status.main_pid)},
                                 {"incarnation", std::to_string(managed.note.incarnation)},
                                 {"cgroup", managed.payload}});
  // Before anybody hears of it: a listener may stay with the command until its end.
  if (!managed.note.wanted) begin_stop(managed, managed.note.stop_reason);
  parts_.listener->workload_started(managed.name());
  answer_launch(managed, {});
}

}  // namespace cgwarden::agent
