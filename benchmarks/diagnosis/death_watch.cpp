// death_watch DEATHS WORK -- AGENT...: starts the agent, lets workloads die one after the other,
// half by SIGKILL and half at their memory.max, and prints for each "KIND MICROSECONDS" from its
// death to the line in which the agent tells of the stored verdict. WORK is a scenario of tests/vm,
// without an agent. Of a kill the time begins before kill(2), of an OOM when the shim saw the end.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "benchmarks/agent_log.h"

namespace {

using cgwarden::benchmarks::AgentLog;
using cgwarden::benchmarks::boottime_usec;
using cgwarden::benchmarks::give_up;

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The number behind `key` (with its quotes and colon), from `from` on.
std::int64_t number_of(const std::string& text, const std::string& key, std::size_t from = 0) {
  const auto at = text.find(key, from);
  if (at == std::string::npos) give_up("no " + key + " in: " + text);
  return std::atoll(text.c_str() + at + key.size());
}

void add_workload(const std::string& work, const std::string& name, bool leaks) {
  const std::string path = work + "/workloads/" + name + ".yaml";
  {
    std::ofstream file(path + ".new");
    file << "apiVersion: cgwarden/v1\nkind: Workload\nmetadata: {name: " << name
         << "}\nrootfs: " << work << "/rootfs\n"
         << (leaks ? "command: [/bin/leaker]\nresources: {memory: {max: 8MiB, swap.max: 0}}\n"
                   : "command: [/bin/sleep, \"1000\"]\n");
  }
  if (std::rename((path + ".new").c_str(), path.c_str()) != 0) give_up("cannot write " + path);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: death_watch DEATHS WORK -- AGENT...\n");
    return 2;
  }
  const int deaths = std::atoi(argv[1]);
  const std::string work = argv[2];
  AgentLog log(std::vector<std::string>(argv + 4, argv + argc));
  log.wait_for("agent_started");
  for (int i = 0; i < deaths; ++i) {
    const bool leaks = i % 2 == 1;
    const std::string name = (leaks ? "leaks" : "killed") + std::to_string(i);
    const std::string state = work + "/run/workloads/" + name;
    add_workload(work, name, leaks);
    std::int64_t died = 0;
    if (!leaks) {
      log.wait_for("workload_started workload=" + name + " ");
      const auto pid =
          static_cast<pid_t>(number_of(read_text(state + "/status.json"), "\"main_pid\":"));
      died = boottime_usec();
      if (::kill(pid, SIGKILL) != 0) give_up("cannot kill " + name);
    }
    const std::int64_t told = log.wait_for("workload_died workload=" + name + " ");
    if (leaks) {
      const std::string record = read_text(state + "/exit.json");
      died = number_of(record, "\"boottime_usec\":", record.find("\"ended\":"));
    }
    std::printf("%s %lld\n", leaks ? "oom" : "kill", static_cast<long long>(told - died));
    std::fflush(stdout);
  }
  return 0;
}
