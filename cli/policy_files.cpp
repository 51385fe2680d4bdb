#include "cli/policy_files.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "agent/good_policies.h"
#include "agent/policy_source.h"
#include "agent/running_agent.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

using policy::Diagnostic;
using policy::PolicyFile;
using policy::Severity;

Diagnostic unreadable(const std::string& path, const Error& error) {
  return {Severity::error, {path, 0, 0}, error.sentence(), "", ""};
}

// Of a directory all files with their drop-ins.
Status add_directory(const std::string& directory, std::vector<PolicyFile>& files) {
  const auto layers = agent::policy_layers(directory);
  CGW_ASSIGN(auto inside, agent::read_policy_layers(layers));
  // A mistyped directory must not pass as a good one.
  if (inside.empty()) {
    return fail(Error::invalid("load policies from", directory, "it has no *.yaml or *.yml file"));
  }
  std::ranges::move(inside, std::back_inserter(files));
  return {};
}

Status add_file(const std::string& path, std::vector<PolicyFile>& files) {
  CGW_ASSIGN(std::string yaml, read_file(path, limits::kYamlFileBytes));
  files.push_back({path, std::move(yaml)});
  return {};
}

CheckedPolicies load_all(const std::vector<PolicyFile>& files) {
  policy::PolicySet set = policy::load_policy_set(files);
  CheckedPolicies all{std::move(set.policies), std::move(set.errors), {}};
  std::ranges::move(set.warnings, std::back_inserter(all.diagnostics));
  return all;
}

Result<policy::LoadedPolicies> only_good(CheckedPolicies checked, const std::string& where) {
  if (checked.good()) {
    return policy::LoadedPolicies{std::move(checked.policies), std::move(checked.diagnostics)};
  }
  std::erase_if(checked.diagnostics, [](const Diagnostic& diagnostic) {
    return diagnostic.severity == Severity::warning;
  });
  return fail(Error::invalid("load", where, "\n" + policy::render(checked.diagnostics)));
}

// nullopt: there is no agent, or it is not for us to know.
std::optional<std::vector<PolicyFile>> files_of_agent(const Common& common) {
  const auto running = agent::agent_is_running(common.where.runtime_dir);
  if (running && !*running) return std::nullopt;
  auto last = running ? agent::GoodPolicies(common.where.state_dir).last()
                      : Result<std::optional<std::vector<PolicyFile>>>(fail(running.error()));
  if (last) return *std::move(last);
  complain(last.error().sentence() + "; taking the policies of " +
           std::string(agent::kPolicyDirectory));
  return std::nullopt;
}

}  // namespace

bool CheckedPolicies::good() const {
  return std::ranges::none_of(diagnostics, [](const Diagnostic& diagnostic) {
    return diagnostic.severity == Severity::error;
  });
}

Result<CheckedPolicies> check_policy_files(const std::vector<std::string>& given) {
  const std::vector<std::string> paths =
      given.empty() ? std::vector<std::string>{agent::kPolicyDirectory} : given;
  std::vector<PolicyFile> files;
  std::vector<Diagnostic> diagnostics;
  std::optional<Error> unread;
  for (const auto& path : paths) {
    std::error_code error;
    const bool directory = given.empty() || std::filesystem::is_directory(path, error);
    const Status added = directory ? add_directory(path, files) : add_file(path, files);
    if (added) continue;
    if (directory && added.error().kind == ErrorKind::invalid) return fail(added.error());
    diagnostics.push_back(unreadable(path, added.error()));
    if (!unread) unread = added.error();
  }
  CheckedPolicies all = load_all(files);
  all.unread = std::move(unread);
  all.diagnostics.insert(all.diagnostics.begin(), diagnostics.begin(), diagnostics.end());
  if (!all.good()) {
    all.policies.clear();
  } else if (all.policies.empty()) {
    return fail(Error::invalid("load policies from", paths.front(), "it has no policy"));
  }
  return all;
}

Result<policy::LoadedPolicies> load_policy_files(const std::vector<std::string>& paths) {
  CGW_ASSIGN(auto checked, check_policy_files(paths));
  if (checked.unread) return fail(*std::move(checked.unread));
  return only_good(std::move(checked), paths.size() == 1 ? paths.front() : "the policies");
}

Result<policy::LoadedPolicies> load_policy_directory(const std::string& directory) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) {
    return fail(Error::invalid("load policies from", directory, "it is no directory"));
  }
  CGW_ASSIGN(const auto files, agent::read_policy_layers(agent::policy_layers(directory)));
  return only_good(load_all(files), directory);
}

Result<policy::LoadedPolicies> policies_in_force(const Common& common) {
  if (const auto files = files_of_agent(common)) {
    return only_good(load_all(*files), "the policies of the agent");
  }
  CGW_ASSIGN(const auto files,
             agent::read_policy_layers(agent::policy_layers(agent::kPolicyDirectory)));
  return only_good(load_all(files), agent::kPolicyDirectory);
}

}  // namespace cgwarden::cli
