// Plays systemd-oomd for the tests in a VM: marks a cgroup as it does before a kill
// (src/oom/oomd-util.c of systemd), kills one process, and stays for a while, as a daemon does.
//
//   oomd_double CGROUP-DIRECTORY PID
#include <sys/xattr.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  if (::setxattr(argv[1], "user.oomd_ooms", "1", 1, 0) != 0) {
    std::perror("setxattr");
    return 1;
  }
  if (::kill(std::atoi(argv[2]), SIGKILL) != 0) {
    std::perror("kill");
    return 1;
  }
  ::sleep(1);
  return 0;
}
