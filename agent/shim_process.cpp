#include "agent/shim_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "launcher/state.h"

namespace cgwarden::agent {
namespace {

constexpr int kSpecFd = 3;
constexpr int kControlFd = 4;
// From here on those of a run in the foreground.
constexpr int kForegroundFd = 5;

// The descriptors of posix_spawn's own tables, freed together.
class SpawnTables {
 public:
  SpawnTables() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  ~SpawnTables() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnTables(const SpawnTables&) = delete;
  SpawnTables& operator=(const SpawnTables&) = delete;

  // stdio is /dev/null; the given descriptors become 3, 4 and so on. They are first lifted out of
  // that range, because a dup2 onto 3 would otherwise close the other one.
  void prepare(int spec, int control, const std::vector<UniqueFd>& others) {
    ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions_, 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions_, 2, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, spec, kSpecFd);
    ::posix_spawn_file_actions_adddup2(&actions_, control, kControlFd);
    int next = kForegroundFd;
    for (const auto& fd : others) {
      ::posix_spawn_file_actions_adddup2(&actions_, fd.get(), next++);
    }
    sigset_t none;
    ::sigemptyset(&none);
    sigset_t all;
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

Result<UniqueFd> memfd_of(const std::string& text) {
  UniqueFd fd(::memfd_create("cgwarden-spec", MFD_CLOEXEC));
  if (!fd.valid()) return fail(Error::from_errno(errno, "create", "memfd"));
  CGW_TRY(write_all(fd.get(), text, "memfd"));
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) return fail(Error::from_errno(errno, "seek", "memfd"));
  return fd;
}

Result<UniqueFd> lifted(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 16));
  if (!copy.valid()) return fail(Error::from_errno(errno, "duplicate", "fd"));
  return copy;
}

// The descriptors of a run in the foreground, lifted, and the options that name them.
struct Lent {
  std::vector<UniqueFd> fds;
  std::vector<std::string> options;
};

Result<Lent> lend(const ForegroundFds& foreground) {
  Lent lent;
  for (const auto& [option, fd] : {std::pair{"--stdin-fd", foreground.stdin_fd},
                                   {"--stdout-fd", foreground.stdout_fd},
                                   {"--stderr-fd", foreground.stderr_fd},
                                   {"--console-fd", foreground.console_fd}}) {
    if (fd < 0) continue;
    lent.options.emplace_back(option);
    lent.options.push_back(std::to_string(kForegroundFd + static_cast<int>(lent.fds.size())));
    CGW_ASSIGN(UniqueFd high, lifted(fd));
    lent.fds.push_back(std::move(high));
  }
  return lent;
}

}  // namespace

Result<ShimProcess> start_shim(const ShimRequest& request) {
  CGW_ASSIGN(const UniqueFd spec_low, memfd_of(request.config_json));
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return fail(Error::from_errno(errno, "create", "socket pair"));
  }
  UniqueFd ours(pair[0]);
  const UniqueFd theirs_low(pair[1]);
  CGW_ASSIGN(const UniqueFd spec, lifted(spec_low.get()));
  CGW_ASSIGN(const UniqueFd theirs, lifted(theirs_low.get()));
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) {
    return fail(Error::from_errno(errno, "set up", "socket pair"));
  }

  CGW_ASSIGN(const Lent lent, lend(request.foreground));
  SpawnTables tables;
  tables.prepare(spec.get(), theirs.get(), lent.fds);
  std::vector<std::string> words{request.executable,
                                 "--name",
                                 request.name,
                                 "--incarnation",
                                 std::to_string(request.incarnation),
                                 "--spec-fd",
                                 std::to_string(kSpecFd),
                                 "--control-fd",
                                 std::to_string(kControlFd),
                                 "--state-dir",
                                 request.state_dir,
                                 "--cgroup-root",
                                 request.cgroup_root};
  words.insert(words.end(), {"--log-driver", request.log.journal ? "journal" : "file",
                             "--log-max-bytes", std::to_string(request.log.max_bytes),
                             "--log-max-files", std::to_string(request.log.max_files)});
  words.insert(words.end(), lent.options.begin(), lent.options.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::array<char*, 1> environment{nullptr};

  ShimProcess shim;
  const int error = ::posix_spawn(&shim.pid, request.executable.c_str(), tables.actions(),
                                  tables.attributes(), argv.data(), environment.data());
  if (error != 0) return fail(Error::from_errno(error, "start", request.executable));
  shim.pidfd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, shim.pid, 0)));
  if (!shim.pidfd.valid()) {
    const Error failure = Error::from_errno(errno, "watch", "pid " + std::to_string(shim.pid));
    shim.kill_and_reap();
    return fail(failure);
  }
  shim.control = std::move(ours);
  return shim;
}

void ShimProcess::kill_and_reap() {
  control.reset();
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<UniqueFd> open_process(pid_t pid, std::optional<std::uint64_t> start_time) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) return fail(Error::from_errno(errno, "watch", "pid " + std::to_string(pid)));
  if (!start_time) return pidfd;
  // After the pidfd: were it another process's, that one would be younger than the record.
  CGW_ASSIGN(const std::uint64_t now, launcher::process_start_time(pid));
  if (now != *start_time) {
    return fail(Error{ErrorKind::vanished, ESRCH, "watch", "pid " + std::to_string(pid),
                      "it is another process by now"});
  }
  return pidfd;
}

Result<std::string> find_shim() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return fail(Error::from_errno(error.value(), "read", "/proc/self/exe"));
  const auto here = self.parent_path();
  for (const auto& candidate : {here / "cgwarden-shim", here / "../launcher/cgwarden-shim",
                                here / "../libexec/cgwarden/cgwarden-shim"}) {
    if (std::filesystem::is_regular_file(candidate, error)) {
      return std::filesystem::canonical(candidate, error).string();
    }
  }
  return fail(
      Error::from_errno(ENOENT, "find", "cgwarden-shim",
                        "it belongs beside cgwarden or in libexec/cgwarden; name it with --shim"));
}

}  // namespace cgwarden::agent
