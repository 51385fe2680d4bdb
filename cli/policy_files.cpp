#include "cli/policy_files.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "agent/policy_source.h"
#include "base/file.h"
#include "base/limits.h"

namespace cgwarden::cli {
namespace {

Result<std::vector<std::string>> files_of(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const auto& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    CGW_ASSIGN(const auto inside, agent::yaml_files(path));
    // A mistyped directory must not pass as a good one.
    if (inside.empty()) {
      return fail(Error::invalid("load policies from", path, "it has no *.yaml or *.yml file"));
    }
    std::ranges::copy(inside, std::back_inserter(files));
  }
  return files;
}

}  // namespace

bool CheckedPolicies::good() const {
  return std::ranges::none_of(diagnostics, [](const policy::Diagnostic& diagnostic) {
    return diagnostic.severity == policy::Severity::error;
  });
}

Result<CheckedPolicies> check_policy_files(const std::vector<std::string>& paths) {
  CGW_ASSIGN(const auto files, files_of(paths));
  CheckedPolicies all;
  for (const auto& file : files) {
    CGW_ASSIGN(const std::string yaml, read_file(file, limits::kYamlFileBytes));
    auto loaded = policy::load_policies(yaml, file);
    if (!loaded) {
      std::ranges::move(loaded.error(), std::back_inserter(all.diagnostics));
      continue;
    }
    std::ranges::move(loaded->policies, std::back_inserter(all.policies));
    std::ranges::move(loaded->warnings, std::back_inserter(all.diagnostics));
  }
  if (!all.good()) return all;
  std::ranges::move(policy::check_unique_names(all.policies), std::back_inserter(all.diagnostics));
  if (all.good() && all.policies.empty()) {
    return fail(Error::invalid("load policies from", files.front(), "it has no policy"));
  }
  return all;
}

Result<policy::LoadedPolicies> load_policy_files(const std::vector<std::string>& paths) {
  CGW_ASSIGN(auto checked, check_policy_files(paths));
  if (checked.good()) {
    return policy::LoadedPolicies{std::move(checked.policies), std::move(checked.diagnostics)};
  }
  std::erase_if(checked.diagnostics, [](const policy::Diagnostic& diagnostic) {
    return diagnostic.severity == policy::Severity::warning;
  });
  const std::string where = paths.size() == 1 ? paths.front() : "the policies";
  return fail(Error::invalid("load", where, "\n" + policy::render(checked.diagnostics)));
}

}  // namespace cgwarden::cli
