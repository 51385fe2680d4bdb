#pragma once

#include <string>

#include "launcher/network_request.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// The network of one workload as its shim makes and removes it, through cgwarden-network.
//
//   CGW_ASSIGN(ShimNetwork network, ShimNetwork::of(spec, "web", state_dir));
//   if (network.wanted()) CGW_TRY(network.prepare(spec));   // before the spawn
//   ... network.connect(pid) while the child waits, network.disconnect() after its end
class ShimNetwork {
 public:
  ShimNetwork() = default;
  // From annotation io.github.cgwarden.network; not wanted() without it.
  [[nodiscard]] static StepResult<ShimNetwork> of(const Spec& spec, const std::string& name,
                                                  const std::string& state_dir);
  [[nodiscard]] bool wanted() const { return wanted_; }

  // Makes <state dir>/resolv.conf and hosts, still empty, and adds the mounts that show them in
  // the workload, where it does not mount something of its own.
  [[nodiscard]] Step prepare(Spec& spec);
  // Connects the network namespace of `child` and fills the two files; <state dir>/network.json
  // then has the address.
  [[nodiscard]] Step connect(pid_t child);
  // Undoes it, however far it came. A failure goes to syslog(3): the agent sweeps later.
  void disconnect();

 private:
  [[nodiscard]] NetworkRequest request(NetworkVerb verb) const;
  [[nodiscard]] std::string path(const char* file) const { return state_dir_ + "/" + file; }
  bool wanted_ = false;
  bool begun_ = false;
  std::string name_;
  std::string state_dir_;
  std::string hostname_;
  Network network_;
};

}  // namespace cgwarden::launcher
