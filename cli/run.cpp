#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <system_error>

#include "agent/foreground.h"
#include "agent/image_import.h"
#include "agent/policy_source.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/agent_client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/run_document.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

struct Document {
  std::string yaml;
  std::string origin;
  std::string name;
};

Result<Document> document_of(const Common& common, const RunOptions& options) {
  Document document;
  if (options.file.empty()) {
    CGW_ASSIGN(document.yaml, run_document(options));
    document.origin = "/command line";
  } else {
    CGW_ASSIGN(document.yaml, read_file(options.file, limits::kYamlFileBytes));
  }
  // Looked at here first: the diagnostics then name the file as the person did.
  CGW_ASSIGN(
      const auto workload,
      agent::parse_workload(document.yaml, options.file.empty() ? "command line" : options.file));
  if (!workload.image.empty() && ::geteuid() != 0) {
    return fail(Error{ErrorKind::not_permitted, 0, "launch", workload.name,
                      "layers and images are for root; a user gives a rootfs directory"});
  }
  CGW_TRY(agent::ensure_image(common.where.state_dir, common.where.runtime_dir, workload.image));
  document.name = workload.name;
  if (options.file.empty()) return document;
  // The agent has another working directory, and a relative rootfs counts from the file's own.
  std::error_code error;
  const auto origin = std::filesystem::absolute(options.file, error);
  if (error) return fail(Error::from_errno(error.value(), "find", options.file));
  document.origin = origin.lexically_normal().string();
  return document;
}

int run_detached(const Document& document) {
  const auto client = AgentClient::connect();
  if (!client) return failed(client.error());
  const Status launched = client->launch(document.yaml, document.origin);
  if (!launched) return failed(launched.error());
  print(document.name + " is running\n");
  return kOk;
}

int run_here(const Common& common, const RunOptions& options, const Document& document) {
  if (options.terminal && ::isatty(STDIN_FILENO) != 1) {
    complain("cannot give " + document.name +
             " a terminal: standard input is none; leave --tty out");
    return kForegroundFailed;
  }
  const auto end = agent::run_foreground(
      common.where, agent::ForegroundRequest{.yaml = document.yaml,
                                             .origin = document.origin,
                                             .interactive = options.interactive || options.terminal,
                                             .terminal = options.terminal,
                                             .remove = options.remove,
                                             .cgroup_parent = options.cgroup_parent});
  if (!end) {
    complain(end.error().sentence());
    return kForegroundFailed;
  }
  if (end->start_error) {
    complain(end->start_error->sentence());
    // Stopped before it began counts as not started.
    return end->exit_code == 0 ? kForegroundFailed : end->exit_code;
  }
  if (end->verdict && diagnosis::is_oom_death(end->verdict->verdict))
    complain(end->verdict->answer);
  return end->exit_code;
}

}  // namespace

int run(const Common& common, const RunOptions& options) {
  const bool described_here = !options.command.empty() || !options.image.empty();
  if (options.file.empty() != described_here) {
    complain("say what to run: FILE, -- COMMAND or --image IMAGE; see cgwarden run --help");
    return kUsage;
  }
  if (!described_here && !options.name.empty()) {
    complain("the name of a workload is in its file; --name goes with -- COMMAND");
    return kUsage;
  }
  const auto document = document_of(common, options);
  if (!document) return failed(document.error());
  const bool wants_foreground =
      options.foreground || options.interactive || options.terminal || options.remove;
  const bool here = wants_foreground || (described_here && !options.detach);
  return here ? run_here(common, options, *document) : run_detached(*document);
}

}  // namespace cgwarden::cli
