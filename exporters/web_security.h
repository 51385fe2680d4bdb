#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"

namespace cgwarden::exporters {

// crypto/tls.ClientAuthType, whose names the web configuration of Prometheus' exporters has.
enum class ClientAuth {
  none,
  request,             // asked for, never checked
  require_any,         // must come, never checked
  verify_if_given,     // by the client CA
  require_and_verify,  // by the client CA
};

struct TlsSettings {
  std::string certificate = {};  // PEM: the server's, then those between it and its CA
  std::string key = {};          // PEM
  std::string client_ca = {};    // PEM; empty: none
  ClientAuth client_auth = ClientAuth::none;
  std::vector<std::string> client_sans = {};  // one of them must be in the client's certificate
  std::string priority =
      {};  // gnutls_priority_init(3): versions and curves; empty: TLS 1.2 and 1.3
  std::vector<std::string> suites =
      {};  // of suites_priority(); empty: all that GnuTLS calls normal
};

// Of all requests together; both over 0.
struct RateLimit {
  Usec interval{0};         // in which one request more is answered
  std::uint64_t burst = 0;  // of requests at once
};

// Who may read the endpoint, and how it is protected on the way.
struct WebSecurity {
  std::optional<TlsSettings> tls = {};            // absent: plain HTTP
  std::map<std::string, std::string> users = {};  // name -> bcrypt hash; empty: everybody
  std::optional<RateLimit> rate_limit = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // of every answer
};

}  // namespace cgwarden::exporters
