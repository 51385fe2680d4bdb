#include "policy/web_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/limits.h"
#include "base/text.h"
#include "policy/schema.h"

namespace cgwarden::policy {
namespace {

constexpr const char* kTlsExample =
    "tls_server_config: {cert_file: server.crt, key_file: server.key}";
constexpr const char* kUsersExample =
    "basic_auth_users: {prometheus: $2y$10$...}, by htpasswd -nBC 10";
constexpr std::size_t kMostUsers = 1000;

// In the order of ClientAuthType.
const std::vector<std::string_view> kAuthTypes{"NoClientCert", "RequestClientCert",
                                               "RequireAnyClientCert", "VerifyClientCertIfGiven",
                                               "RequireAndVerifyClientCert"};
// In the order of TlsVersion.
const std::vector<std::string_view> kVersions{"TLS10", "TLS11", "TLS12", "TLS13"};
const std::vector<std::string_view> kCurves{"CurveP256", "CurveP384", "CurveP521", "X25519"};
const std::vector<std::string_view> kHeaders{"Content-Security-Policy", "X-Frame-Options",
                                             "X-Content-Type-Options", "X-XSS-Protection",
                                             "Strict-Transport-Security"};

template <typename Enum>
void read_enum(MapReader& map, std::string_view key, const std::vector<std::string_view>& words,
               Enum& out, Findings& findings) {
  const Node* node = map.find(key);
  if (node == nullptr) return;
  const auto word = read_word(*node, map.name(key), words, findings);
  if (!word) return;
  out = static_cast<Enum>(std::ranges::find(words, *word) - words.begin());
}

// Both keys are constants: the reader keeps them.
void read_pem(MapReader& map, std::string_view key, std::string_view file_key, PemSource& out,
              Findings& findings) {
  const Node* text = map.find(key);
  const Node* file = map.find(file_key);
  if (text != nullptr && file != nullptr) {
    findings.error(file->place,
                   fmt::format("{} and {} exclude each other", map.name(key), map.name(file_key)));
    return;
  }
  if (text != nullptr) out.text = read_text(*text, map.name(key), findings).value_or("");
  if (file == nullptr) return;
  const auto path = read_text(*file, map.name(file_key), findings);
  if (path && path->empty()) findings.error(file->place, map.name(file_key) + " is empty");
  if (!path || path->empty()) return;
  const auto directory = std::filesystem::path(findings.source().position({}).file).parent_path();
  out.path = (directory / *path).lexically_normal().string();
  out.key = map.name(file_key);
  out.position = findings.source().position(file->place);
}

void refuse_unsupported(MapReader& map, std::string_view key, std::string_view reason,
                        const std::string& hint, Findings& findings) {
  const Node* node = map.find(key);
  if (node == nullptr) return;
  findings.error(node->key_place, fmt::format("{} is not supported: {}", map.name(key), reason),
                 hint);
}

void read_curves(MapReader& map, WebTls& tls, Findings& findings) {
  const Node* node = map.find("curve_preferences");
  if (node == nullptr) return;
  const std::string name = map.name("curve_preferences");
  if (node->kind != NodeKind::sequence) {
    return report_kind(*node, name, "a list", "curve_preferences: [X25519]", findings);
  }
  for (const Node& child : node->children) {
    if (auto curve = read_word(child, name, kCurves, findings)) {
      tls.curves.push_back(*std::move(curve));
    }
  }
}

// What belongs together.
void check_tls(const Node& node, const WebTls& tls, Findings& findings) {
  const auto require = [&](const PemSource& source, const char* name) {
    if (source.given()) return;
    findings.error(node.place, fmt::format("tls_server_config.{} is missing", name), kTlsExample);
  };
  require(tls.certificate, "cert_file");
  require(tls.key, "key_file");
  const bool verifies = tls.client_auth == ClientAuthType::verify_client_cert_if_given ||
                        tls.client_auth == ClientAuthType::require_and_verify_client_cert;
  if (verifies && !tls.client_ca.given()) {
    findings.error(node.place,
                   "the client certificates are to be verified, but there is no client_ca_file",
                   "name the CA; the CAs of the system are not taken for it");
  }
  if (tls.client_auth == ClientAuthType::no_client_cert && tls.client_ca.given()) {
    findings.error(node.place, "there is a client CA, but client_auth_type asks for no certificate",
                   "client_auth_type: RequireAndVerifyClientCert");
  }
  if (!tls.client_allowed_sans.empty() && !verifies) {
    findings.error(node.place, "client_allowed_sans needs a client_auth_type that verifies",
                   "client_auth_type: RequireAndVerifyClientCert");
  }
  if (tls.min_version > tls.max_version) {
    findings.error(node.place, "tls_server_config.min_version is above max_version");
  }
}

void read_tls(const Node& node, WebConfig& config, Findings& findings) {
  if (node.kind != NodeKind::map) {
    return report_kind(node, "tls_server_config", "a map", kTlsExample, findings);
  }
  MapReader map(node, "tls_server_config.", findings);
  WebTls tls;
  tls.position = findings.source().position(node.place);
  read_pem(map, "cert", "cert_file", tls.certificate, findings);
  read_pem(map, "key", "key_file", tls.key, findings);
  read_pem(map, "client_ca", "client_ca_file", tls.client_ca, findings);
  read_enum(map, "client_auth_type", kAuthTypes, tls.client_auth, findings);
  if (const Node* sans = map.find("client_allowed_sans")) {
    tls.client_allowed_sans = read_texts(*sans, map.name("client_allowed_sans"),
                                         "client_allowed_sans: [prometheus.example]", findings);
  }
  read_enum(map, "min_version", kVersions, tls.min_version, findings);
  read_enum(map, "max_version", kVersions, tls.max_version, findings);
  read_curves(map, tls, findings);
  refuse_unsupported(map, "cipher_suites", "GnuTLS has no list of Go's suites",
                     "leave it out: its normal suites are taken, of the versions from min_version",
                     findings);
  if (const Node* prefer = map.find("prefer_server_cipher_suites")) {
    static_cast<void>(
        read_value(*prefer, map.name("prefer_server_cipher_suites"), findings, parse_truth));
  }
  map.refuse_unknown();
  check_tls(node, tls, findings);
  config.tls = std::move(tls);
}

Parsed<std::string> parse_header_value(std::string_view text) {
  const bool printable = std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7f; });
  if (text.empty() || !printable) {
    return std::unexpected(ValueFault{"it is not the value of an HTTP header", ""});
  }
  return std::string(text);
}

void read_http(const Node& node, WebConfig& config, Findings& findings) {
  if (node.kind != NodeKind::map) {
    return report_kind(node, "http_server_config", "a map", "http_server_config: {http2: false}",
                       findings);
  }
  MapReader map(node, "http_server_config.", findings);
  if (const Node* http2 = map.find("http2")) {
    if (read_value(*http2, "http_server_config.http2", findings, parse_truth).value_or(false)) {
      findings.error(http2->place, "http2 is not supported: the endpoint speaks HTTP/1.1",
                     "http2: false");
    }
  }
  if (const Node* headers = map.find("headers")) {
    if (headers->kind != NodeKind::map) {
      report_kind(*headers, "http_server_config.headers", "a map",
                  "headers: {X-Frame-Options: deny}", findings);
    } else {
      MapReader names(*headers, "http_server_config.headers.", findings);
      for (const std::string_view name : kHeaders) {
        const Node* value = names.find(name);
        if (value == nullptr) continue;
        auto text = read_value(*value, names.name(name), findings, parse_header_value);
        if (text) config.headers.emplace_back(name, *std::move(text));
      }
      names.refuse_unknown();
    }
  }
  map.refuse_unknown();
}

void read_users(const Node& node, WebConfig& config, Findings& findings) {
  if (node.kind != NodeKind::map) {
    return report_kind(node, "basic_auth_users", "a map", kUsersExample, findings);
  }
  for (const Node& child : node.children) {
    // RFC 7617: the first colon ends the name.
    if (child.key.empty() || child.key.contains(':')) {
      findings.error(child.key_place, "the name of a user is empty or has a colon");
      continue;
    }
    if (child.kind == NodeKind::scalar && is_bcrypt_hash(child.scalar)) {
      config.users[child.key] = child.scalar;
      continue;
    }
    // Without the text, which may be the password itself.
    findings.error(child.place,
                   fmt::format("basic_auth_users.{} is not a bcrypt hash ($2a$, $2b$ or $2y$) of a "
                               "cost from 4 to {}",
                               printable(child.key), limits::kBcryptMostCost),
                   kUsersExample);
  }
  if (node.children.empty()) {
    findings.error(node.place, "basic_auth_users is empty", kUsersExample);
  }
  if (config.users.size() > kMostUsers) {
    findings.error(node.place, fmt::format("there are more than {} users", kMostUsers));
  }
}

WebConfig read_web_config(const Node& node, Findings& findings) {
  WebConfig config;
  if (node.kind != NodeKind::map) {
    report_kind(node, "a web configuration", "a map", kTlsExample, findings);
    return config;
  }
  MapReader document(node, "", findings);
  if (const Node* tls = document.find("tls_server_config")) read_tls(*tls, config, findings);
  if (const Node* http = document.find("http_server_config")) read_http(*http, config, findings);
  if (const Node* users = document.find("basic_auth_users")) read_users(*users, config, findings);
  refuse_unsupported(document, "rate_limit", "the endpoint limits connections, not requests",
                     "leave it out", findings);
  document.refuse_unknown();
  return config;
}

}  // namespace

bool is_bcrypt_hash(std::string_view text) {
  constexpr std::size_t kSize = 60;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != kSize || !text.starts_with("$2") || text[3] != '$' || text[6] != '$' ||
      std::string_view("aby").find(text[2]) == std::string_view::npos || !digit(text[4]) ||
      !digit(text[5])) {
    return false;
  }
  const unsigned cost =
      static_cast<unsigned>(text[4] - '0') * 10U + static_cast<unsigned>(text[5] - '0');
  return cost >= 4 && cost <= limits::kBcryptMostCost &&
         std::ranges::all_of(text.substr(7), [&](char c) {
           return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
                  c == '/';
         });
}

std::expected<WebConfig, std::vector<Diagnostic>> load_web_config(std::string_view yaml,
                                                                  const std::string& file) {
  const SourceText source(yaml, file);
  Findings findings(source);
  WebConfig config;
  const std::vector<Node> documents = parse_yaml(findings);
  if (!findings.has_errors()) {
    config = read_web_config(documents.front(), findings);
    if (documents.size() > 1) {
      findings.error(documents[1].place, "a second document: a file has one configuration");
    }
  }
  if (findings.has_errors()) {
    auto errors = findings.take_errors();
    // Whoever may read the log need not be one who may read the hashes and the key.
    for (Diagnostic& error : errors) error.source_line.clear();
    return std::unexpected(std::move(errors));
  }
  return config;
}

}  // namespace cgwarden::policy
