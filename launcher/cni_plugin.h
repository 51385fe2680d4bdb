#pragma once

#include <string>
#include <vector>

#include "launcher/launch_step.h"

namespace cgwarden::launcher {

enum class CniCommand { add, check, del };

// The parameters of one call of a plugin (CNI specification 1.0, section 2).
struct CniCall {
  CniCommand command = CniCommand::add;
  std::string type;                      // of the plugin
  std::vector<std::string> directories;  // where it is searched, in order
  std::string container_id;
  std::string network_namespace;  // path; empty with del: it is gone
  std::string interface;
  std::string input;  // its stdin
};

// The program of a plugin; refused, with the directories, when it is in none.
[[nodiscard]] StepResult<std::string> find_cni_plugin(const std::string& type,
                                                      const std::vector<std::string>& directories);

// Runs the plugin and gives its stdout. Refused with its own words when it fails, and when it takes
// longer than half a minute (then killed).
[[nodiscard]] StepResult<std::string> call_cni_plugin(const CniCall& call);

}  // namespace cgwarden::launcher
