// stall_watch RUNS TOP LEAKER -- AGENT...: starts the agent, which has a policy of memory.high and
// adapt.stall for TOP/*, and lets LEAKER hang in RUNS cgroups there, one after the other. Prints
// for each the milliseconds from when it is first seen held at memory.high to the lines in which
// the agent tells of it, and acts.
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <iterator>

#include "benchmarks/agent_log.h"

namespace {

using cgwarden::benchmarks::AgentLog;
using cgwarden::benchmarks::boottime_usec;
using cgwarden::benchmarks::give_up;

void write_file(const std::string& file, const std::string& text) {
  std::ofstream stream(file);
  if (!(stream << text << std::flush)) give_up("cannot write " + file);
}

std::string read_file(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

pid_t leak_in(const std::string& cgroup, const char* leaker) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  write_file(cgroup + "/cgroup.procs", "0");
  ::execl(leaker, leaker, nullptr);
  std::_Exit(127);
}

void sleep_msec(long msec) {
  const timespec pause{.tv_sec = msec / 1000, .tv_nsec = msec % 1000 * 1'000'000};
  ::nanosleep(&pause, nullptr);
}

std::int64_t held_at(pid_t pid) {
  const std::string file = "/proc/" + std::to_string(pid) + "/wchan";
  while (read_file(file) != "mem_cgroup_handle_over_high") {
    if (::waitpid(pid, nullptr, WNOHANG) != 0) give_up("the leaker ended");
    sleep_msec(10);
  }
  return boottime_usec();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: stall_watch RUNS TOP LEAKER -- AGENT...\n");
    return 2;
  }
  const int runs = std::atoi(argv[1]);
  const std::string top = argv[2];
  AgentLog log(std::vector<std::string>(argv + 5, argv + argc));
  log.wait_for("agent_started");
  for (int i = 0; i < runs; ++i) {
    // At another moment of the agent's interval each time.
    sleep_msec(137 + 161 * (i % 7));
    const std::string name = "run" + std::to_string(i);
    const std::string cgroup = top + "/" + name;
    if (::mkdir(cgroup.c_str(), 0755) != 0) give_up("cannot make " + cgroup);
    write_file(cgroup + "/memory.swap.max", "0");
    write_file(cgroup + "/memory.max", "536870912");
    log.wait_for("/" + name + " file=memory.high ");
    const pid_t pid = leak_in(cgroup, argv[3]);
    const std::int64_t held = held_at(pid);
    const std::int64_t told = log.wait_for("/" + name + " loop=stall reason=notify ");
    const std::int64_t acted = log.wait_for("/" + name + " loop=stall reason=raise ");
    std::printf("%lld %lld\n", static_cast<long long>(told - held) / 1000,
                static_cast<long long>(acted - held) / 1000);
    std::fflush(stdout);
    write_file(cgroup + "/cgroup.kill", "1");
    ::waitpid(pid, nullptr, 0);
  }
  return 0;
}
