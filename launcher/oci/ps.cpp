#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/program.h"
#include "base/unique_fd.h"
#include "launcher/helper_process.h"
#include "launcher/oci/commands.h"
#include "launcher/oci/container.h"
#include "launcher/oci/ps_table.h"

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

struct PsResult {
  std::string table;
  int status = 0;
};

// ps(1) with these options; its errors go to stderr.
Outcome<PsResult> run_ps(Words words) {
  words.insert(words.begin(), "ps");
  std::array<int, 2> pair{};
  if (::pipe2(pair.data(), O_CLOEXEC) != 0) {
    return std::unexpected(Failure(Error::from_errno(errno, "make", "a pipe")));
  }
  UniqueFd read_end(pair[0]);
  UniqueFd write_end(pair[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
  pid_t child = -1;
  const int error =
      ::posix_spawnp(&child, "ps", &actions, nullptr, pointers(words).data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return std::unexpected(
        Failure(Error::from_errno(error, "run", "ps", "the package procps has this program")));
  }
  write_end.reset();
  auto table = read_all(read_end.get(), "ps", limits::kProcsFileBytes);
  // Or it would wait for somebody who reads on, and we for it.
  read_end.reset();
  const WaitStatus ended = wait_for_exit(child);
  if (!table) return std::unexpected(Failure(table.error()));
  return PsResult{*std::move(table), ended.code == CLD_EXITED ? ended.status : 1};
}

// The host's processes as ps(1) chooses and shows them, less those that are not the container's.
Outcome<int> show_chosen(const std::vector<pid_t>& pids, Words words) {
  CGW_ASSIGN(const PsResult shown, run_ps(std::move(words)));
  if (shown.status != 0) return shown.status;
  const auto kept = lines_of(shown.table, pids);
  if (!kept) {
    return refuse("the table that these options of ps make has no column PID to choose lines by");
  }
  return print(*kept);
}

Outcome<int> show_table(const std::vector<pid_t>& pids) {
  std::string list;
  for (const pid_t pid : pids) list += (list.empty() ? "" : ",") + std::to_string(pid);
  // No process has this number (PID_MAX_LIMIT is 2^22): ps(1) prints the head of the table alone.
  CGW_ASSIGN(const PsResult shown, run_ps({"-f", "-p", list.empty() ? "2147483647" : list}));
  CGW_TRY(print(shown.table));
  return list.empty() ? 0 : shown.status;
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
    return print_help(
        "ps [--format FORMAT] ID [PS-OPTION...]",
        "Lists its processes; the options are those of ps(1), less what is not in the container.",
        options);
  if (positional.empty()) return refuse("ps needs a container id", kUsage);
  if (format != "table" && format != "json") {
    return refuse("ps has the formats table and json", kUsage);
  }
  CGW_ASSIGN(const Container container, Container::open(global.root, positional.front()));
  CGW_ASSIGN(const ContainerRecord record, container.record());
  CGW_ASSIGN(const std::vector<pid_t> pids, pids_of(record));
  if (format == "json") return print(nlohmann::json(pids).dump() + "\n");
  const Words ps_words(positional.begin() + 1, positional.end());
  return ps_words.empty() ? show_table(pids) : show_chosen(pids, ps_words);
}

}  // namespace cgwarden::launcher::oci
