// enforce_watch CGROUPS PRESENT TOP -- AGENT...: starts the agent, which has a policy of memory.max
// for TOP/*, makes PRESENT cgroups there and waits until all of them are limited; then CGROUPS
// more, one after the other, and prints for each the microseconds from before its mkdir(2) to the
// line in which the agent tells that it has written the limit.
#include <sys/stat.h>

#include "benchmarks/agent_log.h"

namespace {

using cgwarden::benchmarks::AgentLog;
using cgwarden::benchmarks::boottime_usec;
using cgwarden::benchmarks::give_up;

// When the agent had limited the new cgroup.
std::int64_t limited(AgentLog& log, const std::string& top, const std::string& name) {
  if (::mkdir((top + "/" + name).c_str(), 0755) != 0) give_up("cannot make " + top + "/" + name);
  return log.wait_for("/" + name + " file=memory.max ");
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
  for (int i = 0; i < present; ++i) limited(log, top, "present" + std::to_string(i));
  for (int i = 0; i < count; ++i) {
    // At another moment of the agent's interval each time.
    const timespec pause{.tv_sec = 0, .tv_nsec = 37'000'000 + 61'000'000 * (i % 15)};
    ::nanosleep(&pause, nullptr);
    const std::int64_t begun = boottime_usec();
    std::printf("%lld\n",
                static_cast<long long>(limited(log, top, "new" + std::to_string(i)) - begun));
    std::fflush(stdout);
  }
  return 0;
}
