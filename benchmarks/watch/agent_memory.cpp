// memory_of_agent(): the whole agent, as it is started on a machine.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include "benchmarks/watch/measure.h"
#include "benchmarks/watch/sections.h"

#include "base/unique_fd.h"

namespace cgwarden::benchmarks {
namespace {

constexpr double kSettled = 5;  // the tiers but the slowest were due
constexpr double kPatience = 120;
constexpr int kScrapes = 5;
constexpr std::size_t kBytesOfOne = 500;  // at least, of one cgroup on the page

// The bytes of the answer; 0: there is none yet.
std::size_t scrape(const std::string& path) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  static constexpr std::string_view kRequest =
      "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::send(socket.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) {
    return 0;
  }
  std::vector<char> buffer(std::size_t{1} << 16U);
  std::size_t bytes = 0;
  for (ssize_t size = 0; (size = ::recv(socket.get(), buffer.data(), buffer.size(), 0)) > 0;) {
    bytes += static_cast<std::size_t>(size);
  }
  return bytes;
}

class Agent {
 public:
  Agent(const std::string& program, const std::string& root) {
    if (::mkdtemp(directory_.data()) == nullptr) stop("cannot make a directory in /tmp");
    std::vector<std::string> words{program,    "agent",           "--bus",         "off",
                                   "--shim",   "/bin/true",       "--cgroup-root", root,
                                   "--listen", "unix:" + socket()};
    for (const char* what : {"policy", "workload", "state", "runtime"}) {
      std::filesystem::create_directory(directory_ + "/" + what);
      words.push_back(std::string("--") + what + "-dir");
      words.push_back(directory_ + "/" + what);
    }
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (directory_ + "/log").c_str(),
                                       O_WRONLY | O_CREAT, 0600);
    const int failed =
        ::posix_spawn(&process_, program.c_str(), &actions, nullptr, pointers.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) stop("cannot start " + program + ": " + std::strerror(failed));
  }
  ~Agent() {
    ::kill(process_, SIGTERM);
    ::waitpid(process_, nullptr, 0);
    std::filesystem::remove_all(directory_);
  }
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  [[nodiscard]] pid_t process() const { return process_; }
  [[nodiscard]] std::string socket() const { return directory_ + "/socket"; }

 private:
  std::string directory_ = "/tmp/watch_benchmark.XXXXXX";
  pid_t process_ = -1;
};

}  // namespace

Figures memory_of_agent(const PrivateMount& mount, std::size_t cgroups,
                        const std::string& program) {
  double empty = 0;
  {
    const Agent agent(program, mount.path());
    sleep_until(wall_seconds() + 2);
    empty = anonymous_mib(agent.process());
  }
  const MadeCgroups made(mount.path(), 1, cgroups);
  const Agent agent(program, mount.path());
  for (const double begun = wall_seconds(); scrape(agent.socket()) < cgroups * kBytesOfOne;) {
    if (wall_seconds() - begun > kPatience) stop("the agent does not show all cgroups");
    sleep_until(wall_seconds() + 1);
  }
  sleep_until(wall_seconds() + kSettled);
  double most = 0;
  std::size_t bytes = 0;
  for (int i = 0; i < kScrapes; ++i) {
    bytes = std::max(bytes, scrape(agent.socket()));
    most = std::max(most, anonymous_mib(agent.process()));
    sleep_until(wall_seconds() + 1);
  }
  std::printf("%s on %zu cgroups, scraped every second (%.1f MB); without cgroups %.1f MiB\n",
              program.c_str(), cgroups, static_cast<double>(bytes) / 1e6, empty);
  return {{"memory of the whole agent", most, "MiB", 100}};
}

}  // namespace cgwarden::benchmarks
