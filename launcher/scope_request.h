#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "launcher/unit_property.h"

// What the runtime asks of cgwarden-scope, the program that speaks D-Bus to systemd so that the
// runtime need not: one JSON document on its stdin, one on its stdout.
namespace cgwarden::launcher {

enum class ScopeVerb {
  start,  // make the scope, with `pids` in it
  stop,   // stop it and forget that it failed; one that is not there is success
  set,    // change `properties` until the next boot
};

struct ScopeRequest {
  ScopeVerb verb = ScopeVerb::start;
  bool user = false;       // the manager of the user, not of the system
  std::string unit = {};   // "libpod-ID.scope"
  std::string slice = {};  // of start
  std::string description = {};
  std::vector<std::uint32_t> pids = {};
  // Those of a systemd that is too old for one are left out: the limits are in the files, too.
  std::vector<UnitProperty> properties = {};
  std::vector<UnitProperty> annotated = {};  // of start: asked for by name, so none is left out
  bool operator==(const ScopeRequest&) const = default;
};

struct ScopeAnswer {
  std::string path;   // of start: the scope's cgroup
  std::string error;  // one sentence; empty: done
};

[[nodiscard]] std::string to_json(const ScopeRequest& request);
[[nodiscard]] Result<ScopeRequest> parse_scope_request(const std::string& json);
[[nodiscard]] std::string to_json(const ScopeAnswer& answer);
[[nodiscard]] Result<ScopeAnswer> parse_scope_answer(const std::string& json);

// Runs cgwarden-scope (beside this executable, else in the libexec directory) with the request and
// waits for its end. Gives the path of the answer; an error of the answer is an error here.
[[nodiscard]] Result<std::string> ask_systemd(const ScopeRequest& request);

}  // namespace cgwarden::launcher
