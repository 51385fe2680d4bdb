#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "launcher/network_request.h"

namespace cgwarden::launcher {

// What a workload holds on the host: <state dir>/<name>.json, written before anything is made and
// removed after all of it is gone, so that a killed program leaves no trace without its lease.
struct Lease {
  std::string name;
  Network network;
  ProcessMark holder;      // the shim
  ProcessMark inhabitant;  // a process in the namespace; both gone: the lease is stale
  Ipv4Address address;     // bridge only
  std::string cni_config;  // CNI only: the configuration list of the ADD, for the DEL
  std::string cni_result;  // CNI only: of the last plugin; empty before
  bool operator==(const Lease&) const = default;
};

[[nodiscard]] bool is_stale(const Lease& lease);
[[nodiscard]] std::string to_json(const Lease& lease);
[[nodiscard]] Result<Lease> parse_lease(const std::string& json, const std::string& where);

// The lowest address of the subnet that is not the network's, the gateway's, the broadcast or
// leased; nullopt when all are.
[[nodiscard]] std::optional<Ipv4Address> free_address(const Ipv4Subnet& subnet,
                                                      const std::vector<Lease>& leases);

// The lease that publishes one of `ports` already, and which of them; the first found.
struct PortClash {
  std::string holder;
  PublishedPort port;
};
[[nodiscard]] std::optional<PortClash> find_clash(const std::vector<PublishedPort>& ports,
                                                  const std::vector<Lease>& leases);

// All leases, with flock(2) held on <state dir>/lock: one program at a time changes networks.
// Errors have stage "network".
class LeaseBook {
 public:
  // Makes the directory; waits for the lock.
  [[nodiscard]] static StepResult<LeaseBook> open(const std::string& state_dir);
  [[nodiscard]] const std::vector<Lease>& leases() const { return leases_; }
  [[nodiscard]] const Lease* find(const std::string& name) const;
  // Adds it, or replaces that of the same name.
  [[nodiscard]] Step keep(const Lease& lease);
  [[nodiscard]] Step erase(const std::string& name);

 private:
  LeaseBook(std::string directory, UniqueFd lock)
      : directory_(std::move(directory)), lock_(std::move(lock)) {}
  [[nodiscard]] Step load();
  [[nodiscard]] std::string file_of(const std::string& name) const;
  std::string directory_;
  UniqueFd lock_;
  std::vector<Lease> leases_;
};

}  // namespace cgwarden::launcher
