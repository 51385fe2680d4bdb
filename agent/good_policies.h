#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/policy_source.h"
#include "base/result.h"

namespace cgwarden::agent {

// The last policy files that were good, kept in the state directory: a file that somebody broke
// must not keep an agent from coming back after a crash. Beside it the reason of the last refusal,
// for `cgwarden doctor`.
class GoodPolicies {
 public:
  explicit GoodPolicies(const std::string& state_dir)
      : copy_(state_dir + "/policies.json"), refusal_(state_dir + "/policies.refused") {}

  // Takes `files` as the last good ones; an earlier refusal is over.
  [[nodiscard]] Status keep(const std::vector<YamlFile>& files) const;
  // Writes down why the files of now are not in force.
  [[nodiscard]] Status refuse(const std::string& reason) const;

  // nullopt: no set was ever good here.
  [[nodiscard]] Result<std::optional<std::vector<YamlFile>>> last() const;
  // The reason of the refusal that stands; nullopt: none does.
  [[nodiscard]] Result<std::optional<std::string>> refusal() const;

 private:
  std::string copy_;
  std::string refusal_;
};

}  // namespace cgwarden::agent
