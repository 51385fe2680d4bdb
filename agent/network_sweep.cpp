#include "agent/network_sweep.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "launcher/network_request.h"

namespace cgwarden::agent {
namespace {

// Above 2, so that placing it as stdin or stdout cannot overwrite the other.
Result<UniqueFd> memory_file(const std::string& text) {
  const UniqueFd low(::memfd_create("network-sweep", MFD_CLOEXEC));
  UniqueFd file(::fcntl(low.get(), F_DUPFD_CLOEXEC, 3));
  if (!file.valid()) return fail(Error::from_errno(errno, "create", "memfd"));
  CGW_TRY(write_all(file.get(), text, "memfd"));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) {
    return fail(Error::from_errno(errno, "rewind", "memfd"));
  }
  return file;
}

class SpawnTables {
 public:
  SpawnTables(int input, int output) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    sigset_t none;
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
  }
  SpawnTables(const SpawnTables&) = delete;
  SpawnTables& operator=(const SpawnTables&) = delete;
  ~SpawnTables() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  [[nodiscard]] int spawn(pid_t& pid, std::string program) const {
    std::array<char*, 2> argv{program.data(), nullptr};
    std::array<char*, 1> environment{nullptr};
    return ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, argv.data(),
                         environment.data());
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

bool NetworkSweep::has_lease(const std::string& name) const {
  std::error_code error;
  if (!name.empty()) return std::filesystem::exists(directory_ + "/" + name + ".json", error);
  const std::filesystem::directory_iterator entries(directory_, error);
  return std::any_of(begin(entries), end(entries),
                     [](const auto& entry) { return entry.path().extension() == ".json"; });
}

void NetworkSweep::start(const std::string& name) {
  if (!has_lease(name)) return;
  if (watch_.active()) {
    again_ = true;
    return;
  }
  if (const Status started = spawn(); !started) {
    log::warning("network_left_behind", {{"error", started.error().sentence()}});
  }
}

Status NetworkSweep::spawn() {
  launcher::NetworkRequest request;
  request.verb = launcher::NetworkVerb::sweep;
  request.network.mode = launcher::NetworkMode::cni;
  request.network.state_dir = directory_;
  CGW_ASSIGN(const UniqueFd input, memory_file(launcher::to_json(request)));
  CGW_ASSIGN(answer_, memory_file(""));
  const SpawnTables tables(input.get(), answer_.get());
  if (const int error = tables.spawn(pid_, program_); error != 0) {
    return fail(Error::from_errno(error, "start", program_));
  }
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  auto watch = loop_.add(pidfd_.get(), EPOLLIN, [this](std::uint32_t) { ended(); });
  if (!watch) {
    ::waitpid(pid_, nullptr, 0);
    return fail(watch.error());
  }
  watch_ = std::move(*watch);
  return {};
}

void NetworkSweep::ended() {
  watch_ = {};
  int status = 0;
  ::waitpid(pid_, &status, 0);
  ::lseek(answer_.get(), 0, SEEK_SET);
  const auto text = read_all(answer_.get(), program_, limits::kControlFileBytes);
  const auto answer = text ? launcher::parse_network_answer(*text)
                           : Result<launcher::NetworkAnswer>(fail(text.error()));
  if (!answer || answer->error) {
    log::warning("network_left_behind",
                 {{"error", answer ? answer->error->text : answer.error().sentence()}});
  }
  if (answer) {
    for (const auto& sentence : answer->broken) {
      log::warning("network_broken", {{"error", sentence}});
    }
  }
  pidfd_.reset();
  answer_.reset();
  if (std::exchange(again_, false)) start();
}

}  // namespace cgwarden::agent
