#include "exporters/tls_suites.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace cgwarden::exporters {
namespace {

enum class Suits { any_key, rsa, ecdsa };

// In the words of gnutls_priority_init(3).
struct Suite {
  std::string_view name;
  Suits key;  // any_key: of TLS 1.3
  std::string_view exchange;
  std::string_view cipher;
  std::string_view mac;
};

constexpr std::string_view kEcdheRsa = "ECDHE-RSA";
constexpr std::string_view kEcdheEcdsa = "ECDHE-ECDSA";

constexpr std::array<Suite, 17> kSuites{
    {{"TLS_AES_128_GCM_SHA256", Suits::any_key, "", "AES-128-GCM", "AEAD"},
     {"TLS_AES_256_GCM_SHA384", Suits::any_key, "", "AES-256-GCM", "AEAD"},
     {"TLS_CHACHA20_POLY1305_SHA256", Suits::any_key, "", "CHACHA20-POLY1305", "AEAD"},
     {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", Suits::ecdsa, kEcdheEcdsa, "AES-128-CBC", "SHA1"},
     {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", Suits::ecdsa, kEcdheEcdsa, "AES-256-CBC", "SHA1"},
     {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Suits::ecdsa, kEcdheEcdsa, "AES-128-GCM", "AEAD"},
     {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Suits::ecdsa, kEcdheEcdsa, "AES-256-GCM", "AEAD"},
     {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", Suits::ecdsa, kEcdheEcdsa,
      "CHACHA20-POLY1305", "AEAD"},
     {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Suits::rsa, kEcdheRsa, "AES-128-CBC", "SHA1"},
     {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", Suits::rsa, kEcdheRsa, "AES-256-CBC", "SHA1"},
     {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Suits::rsa, kEcdheRsa, "AES-128-GCM", "AEAD"},
     {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Suits::rsa, kEcdheRsa, "AES-256-GCM", "AEAD"},
     {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Suits::rsa, kEcdheRsa, "CHACHA20-POLY1305",
      "AEAD"},
     {"TLS_RSA_WITH_AES_128_CBC_SHA", Suits::rsa, "RSA", "AES-128-CBC", "SHA1"},
     {"TLS_RSA_WITH_AES_256_CBC_SHA", Suits::rsa, "RSA", "AES-256-CBC", "SHA1"},
     {"TLS_RSA_WITH_AES_128_GCM_SHA256", Suits::rsa, "RSA", "AES-128-GCM", "AEAD"},
     {"TLS_RSA_WITH_AES_256_GCM_SHA384", Suits::rsa, "RSA", "AES-256-GCM", "AEAD"}}};

}  // namespace

std::optional<std::string> suites_priority(const std::vector<std::string>& suites, ServerKey key) {
  std::string text = ":-CIPHER-ALL:-KX-ALL:-MAC-ALL";
  const auto add = [&text](std::string_view word) {
    const std::string item = ":+" + std::string(word);
    if ((text + ':').find(item + ':') == std::string::npos) text += item;
  };
  bool before_13 = false;
  bool tls_13 = false;
  for (const std::string& name : suites) {
    const auto* suite = std::ranges::find(kSuites, name, &Suite::name);
    if (suite == kSuites.end()) continue;
    const bool fits =
        suite->key == Suits::any_key || (suite->key == Suits::rsa) == (key == ServerKey::rsa);
    if (!fits) continue;
    add(suite->cipher);
    add(suite->mac);
    if (!suite->exchange.empty()) add(suite->exchange);
    tls_13 = tls_13 || suite->mac == "AEAD";
    before_13 = before_13 || suite->key != Suits::any_key;
  }
  if (!before_13 && !tls_13) return std::nullopt;
  if (!before_13) text += ":-VERS-TLS1.0:-VERS-TLS1.1:-VERS-TLS1.2";
  if (!tls_13) text += ":-VERS-TLS1.3";
  // Of TLS 1.3 too, whose exchange is none of these, GnuTLS wants one.
  if (!before_13) add(key == ServerKey::rsa ? kEcdheRsa : kEcdheEcdsa);
  return text;
}

}  // namespace cgwarden::exporters
