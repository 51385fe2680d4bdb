#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.h"
#include "policy/diagnostic.h"

namespace cgwarden::policy {

// The names of crypto/tls.ClientAuthType, in their order.
enum class ClientAuthType {
  no_client_cert,
  request_client_cert,
  require_any_client_cert,
  verify_client_cert_if_given,
  require_and_verify_client_cert,
};

// In their order.
enum class TlsVersion { tls10, tls11, tls12, tls13 };

// A PEM text in the file itself, or the path of a file with it; both empty: none.
struct PemSource {
  std::string text;
  std::string path;
  std::string key = {};          // that has it: "tls_server_config.cert_file"
  SourcePosition position = {};  // of its value
  [[nodiscard]] bool given() const { return !text.empty() || !path.empty(); }
};

struct WebTls {
  SourcePosition position;
  PemSource certificate;
  PemSource key;
  PemSource client_ca;
  ClientAuthType client_auth = ClientAuthType::no_client_cert;
  std::vector<std::string> client_allowed_sans;
  TlsVersion min_version = TlsVersion::tls12;
  TlsVersion max_version = TlsVersion::tls13;
  std::vector<std::string> cipher_suites;  // by their names in Go, which are IANA's; empty: all
  bool prefer_server_cipher_suites = true;
  std::vector<std::string> curves;  // CurveP256, CurveP384, CurveP521, X25519; empty: the library's
};

// A token bucket over all requests.
struct WebRateLimit {
  Usec interval{0};         // in which one request more is answered; over 0
  std::uint64_t burst = 0;  // of requests at once; at least 1
};

// The web configuration file of Prometheus and its exporters
// (github.com/prometheus/exporter-toolkit, docs/web-configuration.md).
struct WebConfig {
  std::optional<WebTls> tls;
  bool http2 = false;  // is asked for by name; HTTP/1.1 is what it gets
  std::optional<WebRateLimit> rate_limit;
  std::map<std::string, std::string> users;  // name -> bcrypt hash
  std::vector<std::pair<std::string, std::string>> headers;
};

// Any error refuses the whole text. An empty text, and an empty or missing value of a known key, is
// the default, as for exporters. Relative paths count from the directory of `file`.
[[nodiscard]] std::expected<WebConfig, std::vector<Diagnostic>> load_web_config(
    std::string_view yaml, const std::string& file);

// $2a$, $2b$ or $2y$, a cost from 4 to limits::kBcryptMostCost, and 53 characters.
[[nodiscard]] bool is_bcrypt_hash(std::string_view text);

}  // namespace cgwarden::policy
