#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/control.h"
#include "base/result.h"
#include "base/units.h"

namespace cgwarden::cli {

// The agent, over D-Bus (docs/dbus.md). Calls block. An error of the agent keeps its kind and its
// sentence; no agent or no bus is not_supported with how to start one.
class AgentClient {
 public:
  [[nodiscard]] static Result<AgentClient> connect();
  AgentClient(AgentClient&&) noexcept;
  AgentClient& operator=(AgentClient&&) noexcept;
  ~AgentClient();

  [[nodiscard]] Result<std::vector<agent::WorkloadSummary>> list() const;
  // Returns when the command runs.
  [[nodiscard]] Status launch(const std::string& yaml, const std::string& origin) const;
  // Returns when the workload is gone. `timeout` should be longer than the workload's own.
  [[nodiscard]] Status stop(const std::string& name, Usec timeout) const;
  [[nodiscard]] Status kill(const std::string& name, int signal) const;
  [[nodiscard]] Status pause(const std::string& name, bool paused) const;
  // Returns when it is forgotten; with `force` when it has ended, too.
  [[nodiscard]] Status remove(const std::string& name, bool force) const;
  // The document of `inspect --json`.
  [[nodiscard]] Result<std::string> inspect(const std::string& name) const;
  [[nodiscard]] Status reload() const;

 private:
  struct Impl;
  explicit AgentClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cgwarden::cli
