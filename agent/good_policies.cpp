#include "agent/good_policies.h"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/file.h"
#include "base/limits.h"

namespace cgwarden::agent {
namespace {

constexpr int kVersion = 1;

Result<std::optional<std::string>> read_if_there(const std::string& path) {
  auto text = read_file(path, limits::kPolicyCopyBytes);
  if (text) return std::optional(std::move(*text));
  if (text.error().kind == ErrorKind::vanished) return std::optional<std::string>{};
  return fail(text.error());
}

}  // namespace

Status GoodPolicies::keep(const std::vector<YamlFile>& files) const {
  auto list = nlohmann::json::array();
  for (const auto& file : files) {
    nlohmann::json entry{{"path", file.path}, {"yaml", file.yaml}};
    if (!file.drop_in_of.empty()) entry["dropInOf"] = file.drop_in_of;
    list.push_back(std::move(entry));
  }
  const std::string text = nlohmann::json{{"version", kVersion}, {"files", std::move(list)}}.dump(
                               2, ' ', false, nlohmann::json::error_handler_t::replace) +
                           "\n";
  if (text.size() > limits::kPolicyCopyBytes) {
    ::unlink(copy_.c_str());
    ::unlink(refusal_.c_str());
    return fail(Error::invalid("keep a copy of the policies in", copy_, "they are too large"));
  }
  // Most reloads change nothing here; an fsync for them would only hold the loop.
  const auto kept = read_if_there(copy_);
  const Status written =
      kept && *kept == text ? Status{} : write_file_atomically(copy_, text, 0600);
  // An older copy is not what is in force.
  if (!written) ::unlink(copy_.c_str());
  if (::unlink(refusal_.c_str()) != 0 && errno != ENOENT) {
    return fail(Error::from_errno(errno, "remove", refusal_));
  }
  return written;
}

Status GoodPolicies::refuse(const std::string& reason) const {
  return write_file_atomically(refusal_, reason + "\n", 0600);
}

Result<std::optional<std::vector<YamlFile>>> GoodPolicies::last() const {
  CGW_ASSIGN(const auto text, read_if_there(copy_));
  if (!text) return std::optional<std::vector<YamlFile>>{};
  try {
    const auto document = nlohmann::json::parse(*text);
    if (document.at("version").get<int>() != kVersion) {
      return fail(Error::malformed("read", copy_, "it is of another version of cgwarden"));
    }
    std::vector<YamlFile> files;
    for (const auto& file : document.at("files")) {
      files.push_back({file.at("path").get<std::string>(), file.at("yaml").get<std::string>(),
                       file.value("dropInOf", std::string())});
    }
    return std::optional(std::move(files));
  } catch (const nlohmann::json::exception& exception) {
    return fail(Error::malformed("read", copy_, exception.what()));
  }
}

Result<std::optional<std::string>> GoodPolicies::refusal() const { return read_if_there(refusal_); }

}  // namespace cgwarden::agent
