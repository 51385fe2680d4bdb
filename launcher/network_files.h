#pragma once

#include <string>
#include <vector>

namespace cgwarden::launcher {

// resolv.conf(5) of a workload from the host's: name servers on a loopback address, which cannot be
// reached from another network namespace, are left out. `nameservers`, when there are any, take
// the place of the host's.
[[nodiscard]] std::string resolv_conf(const std::string& of_host,
                                      const std::vector<std::string>& nameservers);

// hosts(5): localhost, the workload under its host name, and the host as host.containers.internal.
// `address` is "10.77.0.2/16" or empty; `gateway` may be empty.
[[nodiscard]] std::string hosts_file(const std::string& hostname, const std::string& address,
                                     const std::string& gateway);

}  // namespace cgwarden::launcher
