#pragma once

#include <optional>
#include <string>
#include <vector>

namespace cgwarden::exporters {

// The key of a server's certificate, which decides the suites that it can be used with.
enum class ServerKey { rsa, ecdsa };

// What to append to a priority string of GnuTLS so that only these suites are offered, the first
// before the others. Names are IANA's, as of policy::WebTls::cipher_suites; those for another key
// are passed over. GnuTLS has one list of ciphers: a cipher of a suite of TLS 1.3 is taken in TLS
// 1.2 too, and the other way round; a version that is left without a suite is switched off.
// nullopt: no suite is left.
[[nodiscard]] std::optional<std::string> suites_priority(const std::vector<std::string>& suites,
                                                         ServerKey key);

}  // namespace cgwarden::exporters
