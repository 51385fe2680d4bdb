// Cgroups that come and go, each with a process that works a little: `cgroup_churn CGROUP WAVES
// EACH MSEC` makes EACH cgroups below CGROUP in each wave, runs a process in each to its end, and
// removes them MSEC milliseconds after that, while the next wave is there already. Prints "NAME
// USAGE" for each: its cpu.stat usage_usec in the moment before its removal. Between any two of
// them one more is made and removed at once.
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace {

[[noreturn]] void die(const std::string& what) {
  std::perror(what.c_str());
  std::_Exit(1);
}

pid_t start(const std::string& directory) {
  const int cgroup = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  clone_args args{};
  args.flags = CLONE_INTO_CGROUP;
  args.exit_signal = SIGCHLD;
  args.cgroup = static_cast<std::uint64_t>(cgroup);
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (pid < 0) die("clone3");
  if (pid > 0) {
    ::close(cgroup);
    return pid;
  }
  volatile std::uint64_t work = 0;
  for (int i = 0; i < 20'000; ++i) work = work + 1;
  ::_exit(0);
}

std::string usage_of(const std::string& directory) {
  std::ifstream stat(directory + "/cpu.stat");
  std::string key;
  std::string value;
  stat >> key >> value;
  if (key != "usage_usec") die(directory + "/cpu.stat");
  return value;
}

void remove(const std::vector<std::string>& wave) {
  for (const std::string& directory : wave) {
    std::printf("%s %s\n", directory.substr(directory.rfind('/') + 1).c_str(),
                usage_of(directory).c_str());
    if (::rmdir(directory.c_str()) != 0) die("rmdir " + directory);
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: cgroup_churn CGROUP WAVES EACH MSEC\n");
    return 2;
  }
  const std::string top = argv[1];
  const long waves = std::strtol(argv[2], nullptr, 10);
  const long each = std::strtol(argv[3], nullptr, 10);
  const long msec = std::strtol(argv[4], nullptr, 10);
  std::vector<std::string> last;
  for (long wave = 0; wave < waves; ++wave) {
    std::vector<std::string> made;
    std::vector<pid_t> processes;
    for (long i = 0; i < each; ++i) {
      const std::string name = std::to_string(wave) + "-" + std::to_string(i);
      const std::string brief = top + "/brief" + name;
      if (::mkdir(brief.c_str(), 0755) != 0 || ::rmdir(brief.c_str()) != 0) die(brief);
      made.push_back(top + "/c" + name);
      if (::mkdir(made.back().c_str(), 0755) != 0) die("mkdir " + made.back());
      processes.push_back(start(made.back()));
    }
    for (const pid_t process : processes) ::waitpid(process, nullptr, 0);
    remove(last);
    ::usleep(static_cast<useconds_t>(msec * 1000));
    last = std::move(made);
  }
  remove(last);
}
