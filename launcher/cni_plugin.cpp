#include "launcher/cni_plugin.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "launcher/cni_config.h"
#include "launcher/helper_process.h"

namespace cgwarden::launcher {
namespace {

// A DHCP exchange takes seconds; the shim gives a start a minute.
constexpr int kTimeoutMsec = 30'000;

// Files and not pipes: the plugin never blocks on one, and nothing must be read while it runs.
struct PluginFiles {
  UniqueFd input;
  UniqueFd output;
  UniqueFd errors;
};

StepResult<UniqueFd> memory_file(const std::string& text) {
  UniqueFd file(::memfd_create("cni", MFD_CLOEXEC));
  if (!file.valid() || !write_all(file.get(), text, "memfd") ||
      ::lseek(file.get(), 0, SEEK_SET) != 0) {
    return failed("network", "no memory for a CNI plugin");
  }
  return file;
}

std::string contents(const UniqueFd& file) {
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return {};
  return read_all(file.get(), "memfd", limits::kStateFileBytes).value_or("");
}

const char* word_of(CniCommand command) {
  switch (command) {
    case CniCommand::add:
      return "ADD";
    case CniCommand::check:
      return "CHECK";
    case CniCommand::del:
      return "DEL";
  }
  return "";
}

std::vector<std::string> environment(const CniCall& call) {
  std::string path;
  for (const auto& directory : call.directories) path += (path.empty() ? "" : ":") + directory;
  return {std::string("CNI_COMMAND=") + word_of(call.command),
          "CNI_CONTAINERID=" + call.container_id,
          "CNI_NETNS=" + call.network_namespace,
          "CNI_IFNAME=" + call.interface,
          "CNI_PATH=" + path,
          "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
}

class SpawnTables {
 public:
  explicit SpawnTables(const PluginFiles& files) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_adddup2(&actions_, files.input.get(), 0);
    ::posix_spawn_file_actions_adddup2(&actions_, files.output.get(), 1);
    ::posix_spawn_file_actions_adddup2(&actions_, files.errors.get(), 2);
    // The shim ignores signals; a plugin must not inherit that.
    sigset_t all;
    ::sigfillset(&all);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  SpawnTables(const SpawnTables&) = delete;
  SpawnTables& operator=(const SpawnTables&) = delete;
  ~SpawnTables() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  int spawn(pid_t& pid, std::string program, std::vector<std::string> environment) const {
    std::array<char*, 2> argv{program.data(), nullptr};
    std::vector<char*> envp;
    for (auto& word : environment) envp.push_back(word.data());
    envp.push_back(nullptr);
    return ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, argv.data(), envp.data());
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

bool ends_in_time(pid_t pid) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended{pidfd.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&ended, 1, kTimeoutMsec);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

std::string reason(const PluginFiles& files, const std::string& output) {
  std::string text = cni_error_text(output);
  if (text.empty()) text = printable(trim(contents(files.errors)));
  return text.empty() ? "it gave no reason" : printable(text);
}

}  // namespace

StepResult<std::string> find_cni_plugin(const std::string& type,
                                        const std::vector<std::string>& directories) {
  std::string searched;
  for (const auto& directory : directories) {
    const std::string path = directory + "/" + type;
    if (::access(path.c_str(), X_OK) == 0) return path;
    searched += (searched.empty() ? "" : " and ") + directory;
  }
  return refused("network", "the CNI plugin " + type + " is not in " + searched +
                                " (Debian's are in the package containernetworking-plugins)");
}

StepResult<std::string> call_cni_plugin(const CniCall& call) {
  CGW_ASSIGN(const std::string program, find_cni_plugin(call.type, call.directories));
  PluginFiles files;
  CGW_ASSIGN(files.input, memory_file(call.input));
  CGW_ASSIGN(files.output, memory_file(""));
  CGW_ASSIGN(files.errors, memory_file(""));
  pid_t pid = -1;
  const SpawnTables tables(files);
  if (const int error = tables.spawn(pid, program, environment(call)); error != 0) {
    errno = error;
    return failed("network", "the CNI plugin " + program + " cannot be started");
  }
  const bool in_time = ends_in_time(pid);
  if (!in_time) ::kill(-pid, SIGKILL);
  const WaitStatus status = wait_for_exit(pid);
  if (!in_time) {
    return refused("network", "the CNI plugin " + program + " was killed after " +
                                  std::to_string(kTimeoutMsec / 1000) + " s");
  }
  const std::string output = contents(files.output);
  if (status.code != CLD_EXITED || status.status != 0) {
    return refused("network", "the CNI plugin " + program + " failed: " + reason(files, output));
  }
  return output;
}

}  // namespace cgwarden::launcher
