#include "base/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>

#include "base/unique_fd.h"

namespace cgwarden {
namespace {

class SpawnTables {
 public:
  explicit SpawnTables(Program::Group group) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    ::sigemptyset(&none);
    sigset_t all;
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (group == Program::Group::own) flags |= POSIX_SPAWN_SETPGROUP;
    if (group == Program::Group::own_session) flags |= POSIX_SPAWN_SETSID;
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  SpawnTables(const SpawnTables&) = delete;
  SpawnTables& operator=(const SpawnTables&) = delete;
  ~SpawnTables() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  [[nodiscard]] int place(int fd, int number) {
    if (fd == Program::kInherited) return 0;
    if (fd == Program::kNull) {
      return ::posix_spawn_file_actions_addopen(&actions_, number, "/dev/null",
                                                number == 0 ? O_RDONLY : O_WRONLY, 0);
    }
    return ::posix_spawn_file_actions_adddup2(&actions_, fd, number);
  }
  [[nodiscard]] int close_from(int number) {
    return ::posix_spawn_file_actions_addclosefrom_np(&actions_, number);
  }
  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// As the limit itself, one for the whole process; 0: never raised.
std::atomic<rlim_t> soft_open_files_before{0};

// A started program that depends on it waits for a word from us, so that it never sees the other
// one.
void give_back_open_files(pid_t pid) {
  const rlim_t before = soft_open_files_before.load();
  rlimit limit{};
  if (before == 0 || ::prlimit(pid, RLIMIT_NOFILE, nullptr, &limit) != 0) return;
  limit.rlim_cur = before;
  static_cast<void>(::prlimit(pid, RLIMIT_NOFILE, &limit, nullptr));
}

}  // namespace

std::size_t raise_open_files(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t before = limit.rlim_cur;
  const rlim_t target = std::min<rlim_t>(limit.rlim_max, wanted);
  if (target <= before) return before;
  limit.rlim_cur = target;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return before;
  rlim_t none = 0;
  soft_open_files_before.compare_exchange_strong(none, before);
  return target;
}

Result<pid_t> start_program(const Program& program) {
  SpawnTables tables(program.group);
  // Lifted above the numbers to fill, so that placing one cannot overwrite another.
  std::vector<UniqueFd> lifted;
  int number = 0;
  for (int fd : program.descriptors) {
    if (fd >= 0) {
      const auto lowest = static_cast<int>(program.descriptors.size());
      lifted.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, lowest));
      if (!lifted.back().valid()) {
        return fail(Error::from_errno(errno, "duplicate", "a descriptor for " + program.path));
      }
      fd = lifted.back().get();
    }
    if (const int error = tables.place(fd, number++); error != 0) {
      return fail(Error::from_errno(error, "start", program.path));
    }
  }
  if (const int error = tables.close_from(number); error != 0) {
    return fail(Error::from_errno(error, "start", program.path));
  }
  const std::vector<char*> argv = pointers(program.words);
  const std::vector<char*> envp = pointers(program.environment);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.path.c_str(), tables.actions(), tables.attributes(),
                                  argv.data(), envp.data());
  if (error != 0) return fail(Error::from_errno(error, "start", program.path));
  give_back_open_files(pid);
  return pid;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  return variables;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  result.reserve(words.size() + 1);
  for (const auto& word : words) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

}  // namespace cgwarden
