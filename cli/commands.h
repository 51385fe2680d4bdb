#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "agent/options.h"
#include "base/units.h"

// The commands, one .cpp each. They print results on stdout and failures as one sentence on stderr,
// and return the exit code (exit_code.h).
namespace cgwarden::cli {

// What the command line says beside the command.
struct Common {
  agent::Options where;  // directories and cgroup root, as the agent has them
  bool json = false;
};

// `cgwarden agent`: the daemon in the foreground.
int run_agent(const agent::Options& options);

// `cgwarden run FILE`
int run(const Common& common, const std::string& file);

// `cgwarden ps`; with `sizes` what each workload with layers has written
int ps(const Common& common, bool names_only, bool sizes);

// `cgwarden stop NAME`
int stop(const Common& common, const std::string& name);

// `cgwarden reload`
int reload();

struct LogsOptions {
  std::string name;
  bool only_stdout = false;
  bool only_stderr = false;
  bool follow = false;
  std::optional<std::size_t> lines;  // per stream; absent: all that is kept
};
int logs(const Common& common, const LogsOptions& options);

struct WhyOptions {
  std::string name;
  std::optional<unsigned> incarnation;  // absent: the newest
};
int why(const Common& common, const WhyOptions& options);

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
int policy_check(const std::vector<std::string>& paths);
int policy_plan(const Common& common, const std::vector<std::string>& paths,
                bool detailed_exit_code);
int policy_apply(const Common& common, const std::vector<std::string>& paths);

int doctor(const Common& common);
int version(const Common& common);

}  // namespace cgwarden::cli
