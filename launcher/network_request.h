#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "launcher/launch_step.h"
#include "launcher/network.h"

// What is asked of cgwarden-network, the program that speaks netlink and nftables and runs CNI
// plugins, so that the runtime and the shim need not: one JSON document on its stdin, one on its
// stdout.
namespace cgwarden::launcher {

enum class NetworkVerb {
  add,     // connect the namespace of `inhabitant`
  remove,  // undo all that an add of this name did, whether it ended or not
  sweep,   // undo the adds of all whose processes are gone; mend or check those of the others
  move,    // linux.netDevices: move `devices` into `network_namespace`
};

// A process that is not mistaken for a later one of its pid (process_start_time of state.h).
struct ProcessMark {
  pid_t pid = -1;
  std::uint64_t start_time = 0;
  bool operator==(const ProcessMark&) const = default;
};
[[nodiscard]] bool is_alive(const ProcessMark& process);

struct NetworkRequest {
  NetworkVerb verb = NetworkVerb::add;
  std::string name;                                 // of the workload
  Network network = {};                             // not of move; of sweep its state_dir counts
  ProcessMark holder = {};                          // of add: whose end frees the lease: the shim
  ProcessMark inhabitant = {};                      // of add: a process in the namespace
  std::string network_namespace = {};               // of move: path, /proc/PID/ns/net or any
  std::map<std::string, std::string> devices = {};  // of move: interface -> its name there
  bool operator==(const NetworkRequest&) const = default;
};

struct NetworkAnswer {
  std::optional<LaunchError> error;  // stage "network"
  std::string address;               // of add: "10.77.0.2/16"; empty when a CNI plugin gave none
  std::string gateway;               // of add; may be empty with CNI
  std::string interface;             // of add: its name in the namespace
  std::vector<std::string> broken = {};       // of sweep: sentences on networks in use
  std::vector<std::string> nameservers = {};  // of add: those of a CNI result
};

[[nodiscard]] std::string to_json(const NetworkRequest& request);
[[nodiscard]] Result<NetworkRequest> parse_network_request(const std::string& json);
[[nodiscard]] std::string to_json(const NetworkAnswer& answer);
[[nodiscard]] Result<NetworkAnswer> parse_network_answer(const std::string& json);

// Runs cgwarden-network (beside_program.h) and waits for its end. An error of the answer is an
// error here.
[[nodiscard]] StepResult<NetworkAnswer> ask_network(const NetworkRequest& request);

}  // namespace cgwarden::launcher
