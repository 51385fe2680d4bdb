#include <unistd.h>

#include <cerrno>

#include "agent/shim_process.h"
#include "agent/user_scope.h"
#include "agent/workload_view.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/named_workload.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

// The process that enters the workload is the shim's program, which protects itself against what is
// inside (workload_exec.h); this one becomes it.
std::vector<std::string> words_of(const ExecOptions& options, const std::string& shim,
                                  const std::string& directory, const std::string& cgroup_root) {
  std::vector<std::string> words{shim,      "exec",          "--state-dir",
                                 directory, "--cgroup-root", cgroup_root};
  const auto add = [&words](const char* option, const std::string& value) {
    if (value.empty()) return;
    words.emplace_back(option);
    words.push_back(value);
  };
  if (options.interactive) words.emplace_back("--interactive");
  if (options.terminal) words.emplace_back("--tty");
  if (options.detach) words.emplace_back("--detach");
  add("--user", options.user);
  add("--cwd", options.cwd);
  for (const auto& entry : options.env) add("--env", entry);
  for (const auto& name : options.cap_add) add("--cap", name);
  words.emplace_back("--");
  words.insert(words.end(), options.command.begin(), options.command.end());
  return words;
}

}  // namespace

int exec(const Common& common, const ExecOptions& options) {
  if (options.command.empty()) {
    complain("say what to run in it: NAME COMMAND; see cgwarden exec --help");
    return kUsage;
  }
  const auto files = find_workload(common, options.name);
  if (!files) return failed_for(common, options.name, files.error());
  if (!files->status || !files->shim_alive || files->exit) {
    return failed(Error::invalid("run a command in", options.name, "it is not running"));
  }
  if (options.terminal && ::isatty(STDIN_FILENO) != 1) {
    complain("cannot give the command a terminal: standard input is none; leave --tty out");
    return kForegroundFailed;
  }
  const auto tree = agent::open_tree(common.where.cgroup_root);
  if (!tree) return failed(tree.error());
  const auto shim = common.where.shim.empty() ? agent::find_shim() : common.where.shim;
  if (!shim) return failed(shim.error());
  // Only from a cgroup of the user's own systemd may a process be moved to another one there; a
  // cgroup that was delegated in another way (--cgroup-parent) is reached from where this runs.
  const std::string uid = std::to_string(::geteuid());
  if (uid != "0" && files->status->cgroup.find("/user@" + uid + ".service/") != std::string::npos) {
    const Status entered =
        agent::enter_user_scope("cgwarden-exec-" + std::to_string(::getpid()) + ".scope");
    if (!entered) return failed(entered.error());
  }
  std::vector<std::string> words = words_of(options, *shim, files->directory, tree->root());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(shim->c_str(), argv.data());
  return failed(Error::from_errno(errno, "start", *shim));
}

}  // namespace cgwarden::cli
