#include "agent/policy_source.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "base/file.h"
#include "base/limits.h"

namespace cgwarden::agent {

Result<std::vector<std::string>> yaml_files(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  if (error) {
    if (error == std::errc::no_such_file_or_directory) return files;
    return fail(Error::from_errno(error.value(), "list", directory));
  }
  for (const auto end = std::filesystem::directory_iterator(); entries != end;
       entries.increment(error)) {
    const auto& path = entries->path();
    // A leading dot is an editor's temporary file.
    if (path.filename().string().starts_with('.')) continue;
    if (path.extension() == ".yaml" || path.extension() == ".yml") files.push_back(path.string());
  }
  // A failed increment makes the iterator end: what was read is then only a part.
  if (error) return fail(Error::from_errno(error.value(), "list", directory));
  std::ranges::sort(files);
  return files;
}

Result<std::vector<YamlFile>> read_yaml_directory(const std::string& directory) {
  CGW_ASSIGN(const auto paths, yaml_files(directory));
  std::vector<YamlFile> files;
  for (const auto& path : paths) {
    CGW_ASSIGN(std::string text, read_file(path, limits::kYamlFileBytes));
    files.push_back({path, std::move(text)});
  }
  return files;
}

Result<PolicySet> load_policies(const std::vector<YamlFile>& files, const std::string& from) {
  PolicySet set;
  std::vector<policy::Diagnostic> errors;
  for (const auto& file : files) {
    auto loaded = policy::load_policies(file.yaml, file.path);
    if (!loaded) {
      std::ranges::move(loaded.error(), std::back_inserter(errors));
      continue;
    }
    std::ranges::move(loaded->policies, std::back_inserter(set.policies));
    std::ranges::move(loaded->warnings, std::back_inserter(set.warnings));
  }
  if (errors.empty()) errors = policy::check_unique_names(set.policies);
  if (!errors.empty()) {
    return fail(Error::invalid("load policies from", from, "\n" + policy::render(errors)));
  }
  return set;
}

Result<policy::Workload> parse_workload(const std::string& yaml, const std::string& origin) {
  auto loaded = policy::load_workload(yaml, origin);
  if (loaded) return std::move(*loaded);
  return fail(Error::invalid("load workload from", origin, "\n" + policy::render(loaded.error())));
}

}  // namespace cgwarden::agent
