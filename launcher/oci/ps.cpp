#include <nlohmann/json.hpp>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "launcher/oci/commands.h"
#include "launcher/oci/container.h"

namespace cgwarden::launcher::oci {
namespace {

// Without a cgroup of its own a container is known by its first process only. One that has ended
// may have left others in its cgroup (without a pid namespace), or none.
Outcome<std::vector<pid_t>> pids_of(const ContainerRecord& record) {
  if (record.cgroup.path.empty()) {
    if (!open_process(record).valid()) return std::vector<pid_t>{};
    return std::vector<pid_t>{record.pid};
  }
  auto pids = processes(record.cgroup);
  if (pids) return *std::move(pids);
  if (pids.error().kind == ErrorKind::vanished) return std::vector<pid_t>{};
  return std::unexpected(Failure(pids.error()));
}

// The table is that of ps(1), for these processes.
Outcome<int> show_table(const std::vector<pid_t>& pids, const Words& ps_words) {
  std::string list;
  for (const pid_t pid : pids) list += (list.empty() ? "" : ",") + std::to_string(pid);
  // No process has this number (PID_MAX_LIMIT is 2^22): ps(1) prints the head of the table alone.
  Words words{"ps", "-p", list.empty() ? "2147483647" : list};
  if (ps_words.empty()) {
    words.emplace_back("-f");
  } else {
    words.insert(words.end(), ps_words.begin(), ps_words.end());
  }
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = -1;
  const int error = ::posix_spawnp(&child, "ps", nullptr, nullptr, argv.data(), environ);
  if (error != 0) return std::unexpected(Failure(Error::from_errno(error, "run", "ps")));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (list.empty()) return 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

Outcome<int> ps(const Global& global, const Words& words) {
  bool help = false;
  std::string format = "table";
  const std::vector<Option> options{
      {"format", 'f', "FORMAT", "table (default) or json: a list of pids", into(format)},
      {"help", 'h', nullptr, "this text", into(help)}};
  CGW_ASSIGN(Words positional, parse_options("ps", words, options, true));
  if (help)
    return print_help("ps [--format FORMAT] ID [PS-OPTION...]", "Lists processes.", options);
  if (positional.empty()) return refuse("ps needs a container id", kUsage);
  if (format != "table" && format != "json") {
    return refuse("ps has the formats table and json", kUsage);
  }
  CGW_ASSIGN(const Container container, Container::open(global.root, positional.front()));
  CGW_ASSIGN(const ContainerRecord record, container.record());
  CGW_ASSIGN(const std::vector<pid_t> pids, pids_of(record));
  if (format == "json") return print(nlohmann::json(pids).dump() + "\n");
  return show_table(pids, Words(positional.begin() + 1, positional.end()));
}

}  // namespace cgwarden::launcher::oci
