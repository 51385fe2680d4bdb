// enforce_watch CGROUPS PRESENT TOP -- AGENT...: starts the agent, which has a policy of memory.max
// for TOP/*, makes PRESENT cgroups there and waits until all of them are limited; then CGROUPS
// more, one after the other, and prints for each the microseconds from before its mkdir(2) to the
// first look (one each millisecond) that finds its limit.
#include <sys/stat.h>

#include <fstream>

#include "benchmarks/agent_log.h"

namespace {

using cgwarden::benchmarks::AgentLog;
using cgwarden::benchmarks::boottime_usec;
using cgwarden::benchmarks::give_up;

void wait_until_limited(const std::string& cgroup) {
  for (;;) {
    std::ifstream file(cgroup + "/memory.max");
    std::string value;
    if (!(file >> value)) give_up("cannot read memory.max of " + cgroup);
    if (value != "max") return;
    const timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

std::string make(const std::string& top, const std::string& name) {
  const std::string cgroup = top + "/" + name;
  if (::mkdir(cgroup.c_str(), 0755) != 0) give_up("cannot make " + cgroup);
  return cgroup;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: enforce_watch CGROUPS PRESENT TOP -- AGENT...\n");
    return 2;
  }
  const int count = std::atoi(argv[1]);
  const int present = std::atoi(argv[2]);
  const std::string top = argv[3];
  AgentLog log(std::vector<std::string>(argv + 5, argv + argc));
  log.wait_for("agent_started");
  for (int i = 0; i < present; ++i) make(top, "present" + std::to_string(i));
  for (int i = 0; i < present; ++i) wait_until_limited(top + "/present" + std::to_string(i));
  for (int i = 0; i < count; ++i) {
    // At another moment of the agent's interval each time.
    const timespec pause{.tv_sec = 0, .tv_nsec = 37'000'000 + 61'000'000 * (i % 16)};
    ::nanosleep(&pause, nullptr);
    const std::int64_t begun = boottime_usec();
    wait_until_limited(make(top, "new" + std::to_string(i)));
    std::printf("%lld\n", static_cast<long long>(boottime_usec() - begun));
    std::fflush(stdout);
  }
  return 0;
}
