#pragma once

#include <string>
#include <vector>

#include "base/published_port.h"
#include "base/result.h"
#include "launcher/launch_step.h"

// The documents of the Container Network Interface, specification 1.0: network configuration lists
// (sections 1 and 3), what a plugin reads on stdin and what it answers (section 5).
namespace cgwarden::launcher {

struct CniPlugin {
  std::string type;                       // file name of the program
  std::string config;                     // its object of the list, JSON
  std::vector<std::string> capabilities;  // those that are true
};

struct CniNetwork {
  std::string name;
  std::string version;             // "cniVersion": 0.3.0, 0.3.1, 0.4.0, 1.0.0
  bool check = true;               // CHECK may be called: since 0.4.0, and not "disableCheck"
  std::vector<CniPlugin> plugins;  // at least one, in the order of ADD
  std::string text;                // what it was read from
};

// A *.conflist, or a *.conf with one plugin. Malformed: not JSON, no name, no type, a type with a
// "/", a version that is not known.
[[nodiscard]] Result<CniNetwork> parse_cni_network(const std::string& json,
                                                   const std::string& where);

// The network of that name in the *.conflist, *.conf and *.json files of a directory, the first in
// the order of their names. Files that cannot be read are named when no other has it.
[[nodiscard]] StepResult<CniNetwork> find_cni_network(const std::string& directory,
                                                      const std::string& name);

// What the plugin gets on stdin. `previous_result`: empty for none.
[[nodiscard]] std::string plugin_input(const CniNetwork& network, const CniPlugin& plugin,
                                       const std::string& previous_result,
                                       const std::vector<PublishedPort>& ports);

[[nodiscard]] bool publishes_ports(const CniNetwork& network);

struct CniResult {
  std::string address;  // of the first IPv4 address, else of the first: "10.1.2.3/24"; may be empty
  std::string gateway;  // of the same; may be empty
  std::vector<std::string> nameservers;
};
[[nodiscard]] Result<CniResult> parse_cni_result(const std::string& json, const std::string& where);

// "msg: details" of an error answer; empty when it is none.
[[nodiscard]] std::string cni_error_text(const std::string& json);

}  // namespace cgwarden::launcher
