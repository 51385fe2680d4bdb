// A manager of cgroups as hasty as the worst one: `oom_storm CGROUP SINGLE GROUP` makes SINGLE
// cgroups below CGROUP in which one process meets its memory.max, and GROUP more with
// memory.oom.group and a second process, several at a time, and removes each in the moment in which
// it is empty. Prints "single PATH PID" and "group PATH PID PID" for each. CGROUP is below
// /sys/fs/cgroup and has the memory controller.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kAtATime = 4;
constexpr std::size_t kLimit = 4U << 20U;

[[noreturn]] void die(const std::string& what) {
  std::perror(what.c_str());
  std::_Exit(1);
}

void write_to(const std::string& file, const std::string& text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    die(file);
  }
  ::close(fd);
}

// A process in the cgroup: the one that takes too much, or one that only is there.
pid_t start(const std::string& directory, bool greedy) {
  const pid_t pid = ::fork();
  if (pid < 0) die("fork");
  if (pid != 0) return pid;
  write_to(directory + "/cgroup.procs", "0");
  if (!greedy) {
    for (;;) ::pause();
  }
  void* memory =
      ::mmap(nullptr, kLimit * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  std::memset(memory, 1, kLimit * 4);
  std::_Exit(2);
}

struct Case {
  std::string path;
  std::string directory;
  std::vector<pid_t> pids;
};

bool holds(const std::string& directory, pid_t pid) {
  std::FILE* file = std::fopen((directory + "/cgroup.procs").c_str(), "re");
  if (file == nullptr) die(directory);
  bool found = false;
  for (int one = 0; std::fscanf(file, "%d", &one) == 1;) found = found || one == pid;
  std::fclose(file);
  return found;
}

Case begin(const std::string& parent, std::size_t number, bool group) {
  Case made;
  made.path = parent + "/c" + std::to_string(number);
  made.directory = "/sys/fs/cgroup" + made.path;
  if (::mkdir(made.directory.c_str(), 0755) != 0) die(made.directory);
  write_to(made.directory + "/memory.max", std::to_string(kLimit));
  if (group) {
    write_to(made.directory + "/memory.oom.group", "1");
    made.pids.push_back(start(made.directory, false));
    while (!holds(made.directory, made.pids.front())) ::usleep(100);
  }
  made.pids.push_back(start(made.directory, true));
  return made;
}

void end(const Case& made, bool group) {
  for (const pid_t pid : made.pids) {
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid) die("waitpid");
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
      std::fprintf(stderr, "%s: status %d of %d\n", made.path.c_str(), status, pid);
      std::_Exit(1);
    }
  }
  while (::rmdir(made.directory.c_str()) != 0) {
    if (errno != EBUSY) die(made.directory);
  }
  std::printf("%s %s", group ? "group" : "single", made.path.c_str());
  for (const pid_t pid : made.pids) std::printf(" %d", pid);
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::string parent = argv[1];
  const std::size_t singles = std::strtoul(argv[2], nullptr, 10);
  const std::size_t all = singles + std::strtoul(argv[3], nullptr, 10);
  // Children must not write out the buffer they were forked with.
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  // Both kinds mixed: an even number is one of a group while there are any left.
  std::size_t groups_left = all - singles;
  std::size_t singles_left = singles;
  for (std::size_t number = 0; number < all;) {
    std::vector<std::pair<Case, bool>> wave;
    for (std::size_t at = 0; at < kAtATime && number < all; ++at, ++number) {
      const bool group = singles_left == 0 || (groups_left > 0 && number % 2 == 0);
      --(group ? groups_left : singles_left);
      wave.emplace_back(begin(parent, number, group), group);
    }
    for (const auto& [made, group] : wave) end(made, group);
  }
}
