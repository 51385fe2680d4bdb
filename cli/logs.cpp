#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "agent/policy_source.h"
#include "agent/workload_files.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/log_stream.h"
#include "cli/since.h"
#include "cli/terminal.h"
#include "policy/workload.h"

namespace cgwarden::cli {
namespace {

// Wakes at every write into the directory of the logs.
Result<UniqueFd> watch_directory(const std::string& directory) {
  UniqueFd watch(::inotify_init1(IN_CLOEXEC));
  if (!watch.valid()) return fail(Error::from_errno(errno, "create", "inotify"));
  if (::inotify_add_watch(watch.get(), directory.c_str(),
                          IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM) < 0) {
    return fail(Error::from_errno(errno, "watch", directory));
  }
  return watch;
}

Status follow(const UniqueFd& watch, std::vector<LogStream>& streams) {
  std::array<char, 4096> events{};
  for (;;) {
    for (auto& stream : streams) CGW_TRY(stream.print_new());
    const ssize_t got = ::read(watch.get(), events.data(), events.size());
    if (got < 0 && errno != EINTR) return fail(Error::from_errno(errno, "watch", "the logs"));
  }
}

Status show(const std::string& directory, const LogsOptions& options) {
  std::vector<LogStream> streams;
  // With one stream chosen it goes to stdout, so that it can be piped.
  if (!options.only_stderr) streams.emplace_back(directory + "/stdout.log", stdout);
  if (!options.only_stdout) {
    streams.emplace_back(directory + "/stderr.log", options.only_stderr ? stdout : stderr);
  }
  UniqueFd watch;
  if (options.follow) {  // before the first read: nothing written in between is missed
    CGW_ASSIGN(watch, watch_directory(directory));
  }
  LogStream::Choice choice{.lines = options.lines, .since_wall = {}};
  if (!options.since.empty()) {
    CGW_ASSIGN(choice.since_wall, parse_since(options.since, SystemClock().now().wall));
  }
  for (auto& stream : streams) CGW_TRY(stream.print_kept(choice));
  return options.follow ? follow(watch, streams) : Status{};
}

// The journal has what went there; journalctl(1) shows it.
Status show_journal(const agent::WorkloadFiles& files, const LogsOptions& options) {
  std::vector<std::string> words{"journalctl", "--output=cat", "--no-pager",
                                 "CGWARDEN_WORKLOAD=" + files.name};
  if (options.only_stdout) words.emplace_back("CGWARDEN_STREAM=stdout");
  if (options.only_stderr) words.emplace_back("CGWARDEN_STREAM=stderr");
  if (options.follow) words.emplace_back("--follow");
  if (options.lines) {
    words.push_back("--lines=" + std::to_string(*options.lines));
  } else if (options.follow) {
    words.emplace_back("--lines=all");
  }
  if (!options.since.empty()) {
    CGW_ASSIGN(const Usec since, parse_since(options.since, SystemClock().now().wall));
    words.push_back("--since=@" + std::to_string(since.count() / 1000000U));
  }
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(argv.front(), argv.data());
  return fail(Error::from_errno(errno, "start", "journalctl", "it is in the package systemd"));
}

bool goes_to_journal(const agent::WorkloadFiles& files) {
  if (!files.note) return false;
  const auto workload = agent::parse_workload(files.note->yaml, files.note->origin);
  return workload && workload->log.journal;
}

// What a reader of the logs cannot see from them.
void say_dropped(const agent::WorkloadFiles& files, const LogsOptions& options) {
  if (!files.exit) return;
  const auto say = [](const char* stream, const std::optional<Bytes>& dropped) {
    if (!dropped || dropped->value == 0) return;
    complain(human_bytes(*dropped) + " of its last run's " + stream +
             " are missing here: they could not be written (is the disk full?)");
  };
  if (!options.only_stderr) say("stdout", files.exit->stdout_dropped);
  if (!options.only_stdout) say("stderr", files.exit->stderr_dropped);
}

}  // namespace

int logs(const Common& common, const LogsOptions& options) {
  const std::string& runtime_dir = common.where.runtime_dir;
  const auto files = policy::valid_workload_name(options.name)
                         ? agent::read_workload_files(runtime_dir, options.name)
                         : fail(Error::from_errno(ENOENT, "find workload", options.name));
  if (!files) {
    if (files.error().kind != ErrorKind::vanished) return failed(files.error());
    return no_such_workload(options.name, runtime_dir, agent::store_path(common.where));
  }
  say_dropped(*files, options);
  const Status shown =
      goes_to_journal(*files) ? show_journal(*files, options) : show(files->directory, options);
  if (!shown) return failed(shown.error());
  return kOk;
}

}  // namespace cgwarden::cli
