#include "agent/daemon.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <set>
#include <utility>

#include "agent/network_options.h"
#include "agent/ownership.h"
#include "agent/policy_source.h"
#include "agent/service_manager.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cgroup/mount.h"
#include "policy/knob.h"

namespace cgwarden::agent {
namespace {

// An editor writes a file in several steps, a package manager several files: one reload after they
// are quiet.
constexpr Usec kReloadQuiet{200'000};

Result<cgroup::Tree> open_tree(const Options& options) {
  if (!options.cgroup_root.empty()) return cgroup::Tree::open(options.cgroup_root);
  CGW_ASSIGN(const cgroup::MountReport mounts, cgroup::detect_mounts());
  if (mounts.cgroup2_mount_point.empty() || !mounts.usable()) {
    return fail(Error{ErrorKind::not_supported, 0, "use the cgroups of this machine", "",
                      mounts.explanation});
  }
  if (!mounts.limitation.empty()) {
    log::warning("controllers_missing", {{"explanation", mounts.limitation},
                                         {"effect", "its limits are skipped, its series absent"}});
  }
  return cgroup::Tree::open(mounts.cgroup2_mount_point);
}

std::uint64_t this_boot() {
  const std::string id = boot_id();
  return id.empty() ? 0 : boot_number(id);
}

// What policies set must be read, or it could not be compared before it is written.
cgroup::FileGroups set_by(const std::vector<policy::Policy>& policies) {
  cgroup::FileGroups groups;
  for (const policy::Knob& knob : policy::knobs()) {
    const auto group = cgroup::file_group(knob.group);
    if (!group) continue;
    const bool wanted = std::ranges::any_of(policies, [&](const policy::Policy& policy) {
      return knob.wanted(policy.resources) || policy.resources.percentages.contains(knob.file);
    });
    if (wanted) groups.add(*group);
  }
  return groups;
}

}  // namespace

Daemon::Daemon(Options options, cgroup::Tree tree, diagnosis::StoreWriter store)
    : options_(std::move(options)),
      tree_(std::move(tree)),
      store_(std::move(store)),
      stall_watch_([this](std::string_view path) { return read_stall_cgroup(tree_, clock_, path); },
                   [this] { return refused_forks(); }, options_.intervals.medium),
      foreign_stalls_(
          tree_, clock_, [this] { return refused_forks(); }, options_.intervals.medium),
      good_policies_(options_.state_dir),
      sources_(event_sources_path(options_.runtime_dir)) {}

Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::create(const Options& wanted) {
  Options options = wanted;
  if (options.shim.empty()) {
    CGW_ASSIGN(options.shim, find_shim());
  }
  CGW_TRY(check_network_options(options));
  CGW_ASSIGN(cgroup::Tree tree, open_tree(options));
  CGW_TRY(make_directories(options.state_dir, 0750));
  CGW_TRY(make_directories(options.runtime_dir + "/workloads", 0755));
  // Before the store: two agents must not write it.
  CGW_ASSIGN(UniqueFd lock,
             open_at(AT_FDCWD, options.runtime_dir + "/agent.lock", O_RDWR | O_CREAT, 0600));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Error{ErrorKind::busy, errno, "start the agent with", options.runtime_dir,
                      "another agent is running there"});
  }
  SystemClock clock;
  CGW_ASSIGN(
      diagnosis::StoreWriter store,
      diagnosis::StoreWriter::open(store_path(options), clock.now().wall.count() / 1'000'000U));
  if (!store.notice().empty()) log::warning("store", {{"notice", store.notice()}});
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(options), std::move(tree), std::move(store)));
  daemon->lock_ = std::move(lock);
  // One that was moved aside took its counters with it: what alerts see of it.
  if (!daemon->store_.notice().empty()) daemon->self_metrics_.store_error();
  CGW_TRY(daemon->open_runtime());
  return daemon;
}

Status Daemon::open_runtime() {
  CGW_ASSIGN(loop_, EventLoop::create());
  CGW_TRY(open_signals());
  begin_boot();
  counters_ = CounterBook(this_boot());
  CGW_TRY(counters_.load(store_));
  counters_.shown_next(1);
  CGW_TRY(node_book_.load(store_, self_metrics_));
  events_.emplace(EventRecorder::Parts{
      .loop = loop_.get(), .store = &store_, .node = &node_book_, .metrics = &self_metrics_});
  subjects_ = SubjectBook(this_boot());
  CGW_TRY(subjects_.load(store_));
  CGW_TRY(load_first_policies());
  const bool systemd_running = systemd_is_running();
  using diagnosis::EventKind;
  enforcer_.emplace(
      tree_, self_metrics_, systemd_running,
      PolicyListener{
          [this](const auto& change) { policy_changed(EventKind::policy_write, change); },
          [this](const auto& change) { policy_changed(EventKind::policy_drift, change); }});
  enforcer_->open({loop_.get(), &clock_, options_.state_dir, boot_id(), options_.enforcement,
                   options_.bus != Bus::off});
  open_adaptation(systemd_running);
  if (systemd_running) {
    CGW_ASSIGN(scopes_, make_systemd_scope_host(*loop_));
  } else {
    scopes_ = make_cgroupfs_scope_host(tree_);
  }
  supervisor_ = std::make_unique<Supervisor>(Supervisor::Parts{.loop = loop_.get(),
                                                               .clock = &clock_,
                                                               .tree = &tree_,
                                                               .scopes = scopes_.get(),
                                                               .enforcer = &*enforcer_,
                                                               .listener = this},
                                             options_);
  sampling_.emplace(
      SamplingLoop::Parts{
          .loop = loop_.get(), .clock = &clock_, .tree = &tree_, .metrics = &self_metrics_},
      options_, [this] { prepare_tick(); }, [this](const auto& snapshot) { sampled(snapshot); });
  sampling_->read_groups(set_by(policies_));
  sampling_->tell_arrived([this](const auto& cgroups) { arrived(cgroups); });
  CGW_TRY(open_endpoint());
  open_watches();
  // Last: it is a thread, and what comes before may refuse to start.
  if (options_.recorder.enabled) {
    recorder_ = std::make_unique<Recorder>(options_, boot_id(), clock_);
  }
  return {};
}

Status Daemon::open_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, signal);
  // Before any thread exists, so that all inherit it.
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) {
    return fail(Error::from_errno(errno, "block", "signals"));
  }
  ::signal(SIGPIPE, SIG_IGN);
  signals_ = UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return fail(Error::from_errno(errno, "create", "signalfd"));
  CGW_ASSIGN(signal_watch_,
             loop_->add(signals_.get(), EPOLLIN, [this](std::uint32_t) { signal_received(); }));
  return {};
}

Status Daemon::open_endpoint() {
  CGW_ASSIGN(endpoint_, WebEndpoint::open(options_, *loop_, self_metrics_));
  return {};
}

void Daemon::directories_changed() {
  if (!directories_->changed()) return;
  auto timer = loop_->timer(kReloadQuiet, Usec{0}, [this] {
    reload_timer_ = {};
    // First: what comes into a new directory of drop-ins from now on is told.
    if (watched_directories_ != directories_to_watch()) watch_directories();
    if (const Status reloaded = reload(); !reloaded) {
      log::error("reload_failed", {{"error", reloaded.error().sentence()}});
    }
  });
  if (timer) reload_timer_ = std::move(*timer);
}

void Daemon::signal_received() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGHUP) {
      if (const Status reloaded = reload(); !reloaded) {
        log::error("reload_failed", {{"error", reloaded.error().sentence()}});
      }
    } else {
      log::info("agent_stopping", {{"signal", std::to_string(info.ssi_signo)}});
      service_manager::stopping();
      loop_->stop();
    }
  }
}

Status Daemon::load_policy_directory() {
  CGW_ASSIGN(const auto files, read_policy_layers(policy_layers(options_.policy_dir)));
  CGW_ASSIGN(PolicySet set, load_policies(files, options_.policy_dir));
  policies_ = std::move(set.policies);
  adapted_policies_.clear();
  for (const auto& warning : set.warnings) {
    log::warning("policy_warning", {{"at", warning.position.text()}, {"text", warning.message}});
  }
  if (const Status kept = good_policies_.keep(files); !kept) {
    log::warning("policies_not_kept",
                 {{"error", kept.error().sentence()},
                  {"effect", "an agent that restarts beside a bad file has no policies to go on"}});
  }
  return {};
}

void Daemon::policies_refused(const Error& error) {
  self_metrics_.policy_reload(false);
  if (const Status noted = good_policies_.refuse(error.sentence()); !noted) {
    log::warning("refusal_not_noted", {{"error", noted.error().sentence()}});
  }
}

// A bad file keeps the very first agent from starting: somebody is there to read why, and no
// policies are in force. Later it changes nothing, a crash of the agent in between included.
Status Daemon::load_first_policies() {
  const Status loaded = load_policy_directory();
  if (loaded) return {};
  const auto last = good_policies_.last();
  if (!last) {
    log::error("last_policies_unreadable", {{"error", last.error().sentence()}});
    return loaded;
  }
  if (!*last) return loaded;
  auto set = load_policies(**last, "the last good copy of " + options_.policy_dir);
  if (!set) {  // of another version of cgwarden
    log::error("last_policies_refused", {{"error", set.error().sentence()}});
    return loaded;
  }
  policies_ = std::move(set->policies);
  adapted_policies_.clear();
  policies_refused(loaded.error());
  log::error("policies_refused", {{"error", loaded.error().sentence()},
                                  {"effect", "the policies of the last good load are in force: " +
                                                 std::to_string(policies_.size())}});
  return {};
}

Status Daemon::reload() {
  service_manager::reloading();
  Status result = load_policy_directory();
  if (result) {
    sampling_->read_groups(set_by(policies_));
    self_metrics_.policy_reload(true);
    log::info("policies_loaded", {{"count", std::to_string(policies_.size())}});
  } else {
    policies_refused(result.error());
    result.error().detail += "\nThe old policies stay in force.";
  }
  launch_new_workloads();
  supervisor_->mend_networks();
  service_manager::ready("watching");
  return result;
}

// Workloads of the directory that are not known yet are started. A changed file is said and takes
// effect at the next launch; a removed one is left running: files come and go in upgrades, and
// nothing here may stop a service by accident.
void Daemon::launch_new_workloads() {
  const auto files = read_yaml_directory(options_.workload_dir);
  if (!files) {
    log::error("workload_directory", {{"error", files.error().sentence()}});
    return;
  }
  std::set<std::string> names;
  bool all_good = true;
  for (const auto& file : *files) {
    const auto workload = parse_workload(file.yaml, file.path);
    if (!workload) {
      log::error("workload_refused", {{"error", workload.error().sentence()}});
      all_good = false;
      continue;
    }
    names.insert(workload->name);
    if (supervisor_->knows(workload->name)) {
      if (supervisor_->yaml_of(workload->name) != file.yaml) {
        log::info("workload_file_changed",
                  {{"workload", workload->name},
                   {"effect", "at its next launch: cgwarden stop, then cgwarden run"}});
      }
      continue;
    }
    supervisor_->launch(file.yaml, file.path, Supervisor::Asked::by_directory,
                        [name = workload->name](const Status& launched) {
                          if (!launched) {
                            log::error("launch_failed", {{"workload", name},
                                                         {"error", launched.error().sentence()}});
                          }
                        });
  }
  // A refused file does not say which workload it was.
  if (all_good) supervisor_->keep(std::move(names));
}

Status Daemon::run() {
  tell_of_earlier_boots();
  adopting_ = true;
  supervisor_->adopt();
  adopting_ = false;
  launch_new_workloads();
  forget_strange_counters();
  CGW_TRY(start_keeping());
  // The first sample before READY=1: who waits for the start finds metrics at once.
  CGW_TRY(sampling_->start());
  // Not from the tick: the interval may be longer than the service manager's patience.
  if (const auto watchdog = service_manager::watchdog_interval()) {
    CGW_ASSIGN(watchdog_timer_, loop_->timer(Usec{0}, *watchdog / 2, service_manager::alive));
  }
  log::event(log::Level::info, "agent_started",
             {{"cgroup_root", tree_.root()},
              {"scopes", scopes_->kind()},
              {"policies", std::to_string(policies_.size())},
              {"listen", endpoint_ ? endpoint_->addresses() : ""}},
             diagnosis::message_id(diagnosis::EventKind::agent_started));
  tell_of_agent(diagnosis::EventKind::agent_started,
                "the agent watches " + tree_.root() + " from now on");
  service_manager::ready("watching " + tree_.root());
  const Status ran = loop_->run();
  last_attempt_at_verdicts();
  save_counters();
  const std::string workloads = std::to_string(supervisor_->running().size());
  log::event(log::Level::info, "agent_stopped", {{"workloads", workloads}},
             diagnosis::message_id(diagnosis::EventKind::agent_stopped));
  tell_of_agent(diagnosis::EventKind::agent_stopped,
                "the agent ended as asked; workloads that run on: " + workloads);
  keep_evidence();
  (void)store_running(true);  // said in the log
  events_->flush();
  recorder_.reset();
  return ran;
}

}  // namespace cgwarden::agent
