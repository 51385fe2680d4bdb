#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "agent/options.h"
#include "base/units.h"

namespace CLI {
class App;
}  // namespace CLI

// The commands, one .cpp each. They print results on stdout and failures as one sentence on stderr,
// and return the exit code (exit_code.h).
namespace cgwarden::cli {

// What the command line says beside the command.
struct Common {
  agent::Options where;  // directories and cgroup root, as the agent has them
  bool json = false;
  bool yaml = false;  // the document of `json` as YAML
};

// What is given on the command line goes over what the configuration file says.
struct AgentFlags {
  std::string config;                              // empty: the default file, which may be missing
  std::optional<std::vector<std::string>> listen;  // empty texts: off
  std::optional<double> interval_seconds;
  std::string web_config;
  bool check = false;  // says what is wrong in the files, and runs nothing
};
// `cgwarden agent`: the daemon in the foreground.
int run_agent(const agent::Options& defaults, const AgentFlags& flags);

struct RunOptions {
  std::string file;                  // a Workload document; empty: `command`
  std::vector<std::string> command;  // of `run -- COMMAND`
  std::string name;                  // "": made up
  std::string rootfs = "/";
  std::string image;                // in place of `rootfs`: a name, or a path (with a slash)
  std::vector<std::string> env;     // "KEY=VALUE"; "KEY" takes it from ours
  std::vector<std::string> mounts;  // "SOURCE:DESTINATION[:ro]"
  std::vector<std::string> cap_add;
  std::vector<std::string> cap_drop;
  std::string cwd;
  std::string user;  // "UID[:GID]"
  std::string hostname;
  std::string network;
  std::string memory;
  std::string cpus;
  std::string pids;
  bool read_only = false;
  bool no_init = false;

  bool foreground = false;
  bool detach = false;
  bool interactive = false;
  bool terminal = false;
  bool remove = false;
  std::string cgroup_parent;
};
// `cgwarden run FILE`, `cgwarden run -- COMMAND`, `cgwarden run --image IMAGE [-- COMMAND]`
int run(const Common& common, const RunOptions& options);

// `cgwarden ps`; with `sizes` what each workload with layers has written
int ps(const Common& common, bool names_only, bool sizes);

// `cgwarden stop NAME`
int stop(const Common& common, const std::string& name);

// `cgwarden kill NAME`: `signal` is a name or a number.
int kill(const Common& common, const std::string& name, const std::string& signal);

// `cgwarden pause NAME`, `cgwarden resume NAME`
int pause(const Common& common, const std::string& name, bool paused);

// `cgwarden rm NAME`
int remove(const Common& common, const std::string& name, bool force);

// `cgwarden inspect NAME`
int inspect(const Common& common, const std::string& name);

struct ExecOptions {
  std::string name;
  std::vector<std::string> command;
  bool interactive = false;
  bool terminal = false;
  bool detach = false;  // returns when it runs
  std::string user;     // "UID[:GID]"
  std::string cwd;
  std::vector<std::string> env;      // "KEY=VALUE"
  std::vector<std::string> cap_add;  // with or without CAP_
};
// `cgwarden exec NAME COMMAND`. Replaces this process; returns only when that failed.
int exec(const Common& common, const ExecOptions& options);

// `cgwarden reload`
int reload();

struct LogsOptions {
  std::string name;
  bool only_stdout = false;
  bool only_stderr = false;
  bool follow = false;
  std::optional<std::size_t> lines;  // per stream; absent: all that is kept
  std::string since;                 // since.h; empty: all
};
int logs(const Common& common, const LogsOptions& options);

struct WhyOptions {
  std::string name;                     // agent/why.h
  std::optional<unsigned> incarnation;  // absent: the newest
  std::string since;                    // since.h; empty: ever
  bool watch = false;                   // goes on with what happens
};
int why(const Common& common, const WhyOptions& options);

struct BundleOptions {
  std::string name;
  std::string output;  // empty: cgwarden-NAME-TIME.tar.gz in the current directory
};
// `cgwarden bundle NAME`
int bundle(const Common& common, const BundleOptions& options);

struct HistoryOptions {
  std::string name;   // a cgroup, workload, unit, container or pod
  std::string since;  // since.h; empty: an hour ago
  std::string until;  // empty: now
  std::vector<std::string> fields;
};
// `cgwarden history NAME`
int history(const Common& common, const HistoryOptions& options);

struct DumpOptions {
  std::string format = "json";
  std::string since;  // as above
  std::string until;
  std::vector<std::string> cgroups;  // names as above, or globs of paths; empty: all
  std::vector<std::string> fields;   // empty: all
};
// `cgwarden dump`
int dump(const Common& common, const DumpOptions& options);

struct TopOptions {
  std::string name;                  // only this one with what is inside; empty: all
  double delay_seconds = 1;          // between two looks at the kernel
  std::optional<std::size_t> ticks;  // absent: until the end; of the past without a terminal: one
  bool batch = false;                // text for a pipe, also on a terminal
  std::string sort = "cpu";          // top/columns.h
  std::string filter;
  std::string time;  // of replay
};
// `cgwarden top`, `cgwarden replay -t TIME`
int run_top(const Common& common, const TopOptions& options);
int run_replay(const Common& common, const TopOptions& options);

struct EventsOptions {
  std::string since;  // as in LogsOptions
  std::string until;
  std::vector<std::string> kinds;  // none: all
  std::string about;               // event_text.h is_about(); empty: all
  bool follow = false;
  std::optional<std::size_t> lines;
  bool json = false;
  bool yaml = false;  // with `json`
};
// `cgwarden events`, from the store alone.
int events(const Common& common, const EventsOptions& options);
void add_event_options(CLI::App& command, EventsOptions& options);

struct KmsgOptions {
  std::string name;   // as of WhyOptions; empty: all
  std::string since;  // as in LogsOptions
  std::string until;
  std::optional<std::size_t> lines;
  bool json = false;
};
// `cgwarden kmsg [NAME]`, from the store alone.
int kmsg(const Common& common, const KmsgOptions& options);
void add_kmsg_options(CLI::App& command, KmsgOptions& options);

struct AuditOptions {
  std::string target;            // a workload, a container's id or the start of one, or a pid
  bool all = false;              // every container of the node; then there is no target
  std::string fail_on = "high";  // the name of a severity, or "never"
};
int audit(const Common& common, const AuditOptions& options);

struct ImageImportOptions {
  std::string source;
  std::string reference;
  std::string name;
};
// `cgwarden image import|list|rm`
int image_import(const Common& common, const ImageImportOptions& options);
int image_list(const Common& common);
int image_remove(const Common& common, const std::string& wanted);

// Files or directories of policies.
struct PolicyCheckOptions {
  std::vector<std::string> paths;
  bool list_rules = false;
  std::string schema;  // policy, drop-in, workload; empty: check
};
int policy_check(const Common& common, const PolicyCheckOptions& options);
int policy_plan(const Common& common, const std::vector<std::string>& paths);
int policy_apply(const Common& common, const std::vector<std::string>& paths);

struct RevertOptions {
  std::vector<std::string> policies;  // names
  bool all = false;
  bool dry_run = false;
  bool allow_oom = false;  // a memory.max may come back below what is in use, and kill
};
int policy_revert(const Common& common, const RevertOptions& options);

struct ExplainOptions {
  std::string cgroup;      // a path, or a running workload's name
  std::string policy_dir;  // empty: what the agent has in force
};
int policy_explain(const Common& common, const ExplainOptions& options);

struct SimulateOptions {
  std::string name;     // as of history
  std::string since;    // since.h; empty: an hour ago
  std::string until;    // empty: now
  std::string cpu_max;  // as in a policy; empty: as recorded
  std::string burst;
  // Of recommend: what must have been kept.
  std::optional<double> throttled_percent;
  std::optional<double> lost_cpus;
  std::string delay_p99;
  std::string period = "100ms";
  bool cautious = false;
};
// `cgwarden policy simulate NAME`, `cgwarden policy recommend NAME`
int policy_simulate(const Common& common, const SimulateOptions& options);
int policy_recommend(const Common& common, const SimulateOptions& options);

int doctor(const Common& common);
int version(const Common& common);
// "cgwarden 1.2.3"
[[nodiscard]] std::string version_text();

}  // namespace cgwarden::cli
