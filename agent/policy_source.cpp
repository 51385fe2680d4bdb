#include "agent/policy_source.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/limits.h"

namespace cgwarden::agent {
namespace {

// Of "web.d" the policy "web"; empty: it is no directory of drop-ins.
std::string target_of(const std::filesystem::path& directory) {
  const std::string name = directory.filename().string();
  return name.starts_with('.') || directory.extension() != ".d" ? "" : directory.stem().string();
}

// The path that counts, by policy of a drop-in (empty for others) and file name.
using LayeredFiles = std::map<std::pair<std::string, std::string>, std::string>;

void add_layer(const std::vector<std::string>& paths, const std::string& target,
               LayeredFiles& files) {
  for (const std::string& path : paths) {
    files.try_emplace({target, std::filesystem::path(path).filename().string()}, path);
  }
}

// The loop reads it: a FIFO without a writer would hold it for ever.
Result<std::string> read_policy_file(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!error && std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return fail(Error::invalid("read", path, "it is no regular file, nor a link to one"));
  }
  return read_file(path, limits::kYamlFileBytes);
}

bool is_masked(const std::string& path) {
  std::error_code error;
  return std::filesystem::read_symlink(path, error) == "/dev/null" && !error;
}

}  // namespace

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
    CGW_ASSIGN(std::string text, read_policy_file(path));
    files.push_back({path, std::move(text)});
  }
  return files;
}

std::vector<std::string> policy_layers(const std::string& directory) {
  // With and without a slash at its end.
  if ((std::filesystem::path(directory) / "").lexically_normal() !=
      std::filesystem::path(kPolicyDirectory) / "") {
    return {directory};
  }
  return {std::string(kPolicyDirectory), "/run/cgwarden/policies.d",
          "/usr/lib/cgwarden/policies.d"};
}

std::vector<std::string> drop_in_directories(const std::vector<std::string>& layers) {
  std::vector<std::string> found;
  for (const std::string& layer : layers) {
    std::error_code error;
    for (std::filesystem::directory_iterator at(layer, error), end; !error && at != end;
         at.increment(error)) {
      std::error_code no_matter;
      if (target_of(*at).empty() || !at->is_directory(no_matter)) continue;
      // One more than may be tells that there are too many.
      if (found.size() <= limits::kDropInDirectories) found.push_back(at->path().string());
    }
  }
  std::ranges::sort(found);
  return found;
}

Result<std::vector<YamlFile>> read_policy_layers(const std::vector<std::string>& layers) {
  LayeredFiles whole;
  for (const std::string& layer : layers) {
    CGW_ASSIGN(const auto paths, yaml_files(layer));
    add_layer(paths, "", whole);
  }
  // Behind the whole policies: by the policy's name, then by the file's.
  LayeredFiles drop_ins;
  for (const std::string& layer : layers) {
    const auto directories = drop_in_directories({layer});
    if (directories.size() > limits::kDropInDirectories) {
      return fail(Error::invalid("read", layer,
                                 "it has more than " + std::to_string(limits::kDropInDirectories) +
                                     " drop-in directories"));
    }
    for (const std::string& directory : directories) {
      CGW_ASSIGN(const auto paths, yaml_files(directory));
      add_layer(paths, std::filesystem::path(directory).stem().string(), drop_ins);
    }
  }
  std::vector<YamlFile> files;
  for (const LayeredFiles* part : {&whole, &drop_ins}) {
    for (const auto& [key, path] : *part) {
      if (is_masked(path)) continue;
      CGW_ASSIGN(std::string text, read_policy_file(path));
      files.push_back({path, std::move(text), key.first});
    }
  }
  return files;
}

Result<PolicySet> load_policies(const std::vector<YamlFile>& files, const std::string& from) {
  auto set = policy::load_policy_set(files);
  if (!set.errors.empty()) {
    return fail(Error::invalid("load policies from", from, "\n" + policy::render(set.errors)));
  }
  return PolicySet{std::move(set.policies), std::move(set.warnings)};
}

Result<policy::Workload> parse_workload(const std::string& yaml, const std::string& origin) {
  auto loaded = policy::load_workload(yaml, origin);
  if (loaded) return std::move(*loaded);
  return fail(Error::invalid("load workload from", origin, "\n" + policy::render(loaded.error())));
}

}  // namespace cgwarden::agent
