#include "policy/web_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <system_error>

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
// Those that Go's crypto/tls calls safe, now or before it left out the last four.
const std::vector<std::string_view> kSuites{"TLS_AES_128_GCM_SHA256",
                                            "TLS_AES_256_GCM_SHA384",
                                            "TLS_CHACHA20_POLY1305_SHA256",
                                            "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
                                            "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
                                            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                                            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                                            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
                                            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
                                            "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
                                            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                                            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                                            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
                                            "TLS_RSA_WITH_AES_128_CBC_SHA",
                                            "TLS_RSA_WITH_AES_256_CBC_SHA",
                                            "TLS_RSA_WITH_AES_128_GCM_SHA256",
                                            "TLS_RSA_WITH_AES_256_GCM_SHA384"};
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

// "" is the default, and the toolkit's first name of one type is still good.
void read_auth_type(MapReader& map, WebTls& tls, Findings& findings) {
  const Node* node = map.find("client_auth_type");
  if (node == nullptr) return;
  if (node->kind == NodeKind::scalar && node->scalar.empty()) return;
  if (node->kind == NodeKind::scalar && node->scalar == "RequireClientCert") {
    tls.client_auth = ClientAuthType::require_any_client_cert;
    return;
  }
  read_enum(map, "client_auth_type", kAuthTypes, tls.client_auth, findings);
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
  if (!path || path->empty()) return;
  const auto directory = std::filesystem::path(findings.source().position({}).file).parent_path();
  out.path = (directory / *path).lexically_normal().string();
  out.key = map.name(file_key);
  out.position = findings.source().position(file->place);
}

// A list of `words`.
std::vector<std::string> read_words(MapReader& map, std::string_view key,
                                    const std::vector<std::string_view>& words,
                                    std::string_view example, Findings& findings) {
  std::vector<std::string> read;
  const Node* node = map.find(key);
  if (node == nullptr) return read;
  const std::string name = map.name(key);
  if (node->kind != NodeKind::sequence) {
    report_kind(*node, name, "a list", example, findings);
    return read;
  }
  for (const Node& child : node->children) {
    if (auto word = read_word(child, name, words, findings)) read.push_back(*std::move(word));
  }
  return read;
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
  if (!tls.client_allowed_sans.empty() && !verifies &&
      tls.client_auth != ClientAuthType::require_any_client_cert) {
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
  MapReader map(node, "tls_server_config.", findings, MissingValue::is_absent);
  WebTls tls;
  tls.position = findings.source().position(node.place);
  read_pem(map, "cert", "cert_file", tls.certificate, findings);
  read_pem(map, "key", "key_file", tls.key, findings);
  read_pem(map, "client_ca", "client_ca_file", tls.client_ca, findings);
  read_auth_type(map, tls, findings);
  if (const Node* sans = map.find("client_allowed_sans")) {
    tls.client_allowed_sans = read_texts(*sans, map.name("client_allowed_sans"),
                                         "client_allowed_sans: [prometheus.example]", findings);
  }
  read_enum(map, "min_version", kVersions, tls.min_version, findings);
  read_enum(map, "max_version", kVersions, tls.max_version, findings);
  tls.curves =
      read_words(map, "curve_preferences", kCurves, "curve_preferences: [X25519]", findings);
  tls.cipher_suites = read_words(map, "cipher_suites", kSuites,
                                 "cipher_suites: [TLS_AES_128_GCM_SHA256]", findings);
  if (const Node* prefer = map.find("prefer_server_cipher_suites")) {
    tls.prefer_server_cipher_suites =
        read_value(*prefer, map.name("prefer_server_cipher_suites"), findings, parse_truth)
            .value_or(true);
  }
  map.refuse_unknown();
  // Exporters serve plain HTTP then, whatever versions are asked for.
  const bool asked_for = map.find("client_auth_type") != nullptr || tls.certificate.given() ||
                         tls.key.given() || tls.client_ca.given();
  if (!asked_for) return;
  check_tls(node, tls, findings);
  config.tls = std::move(tls);
}

Parsed<std::string> parse_header_value(std::string_view text) {
  const bool printable = std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7f; });
  if (!printable) {
    return std::unexpected(ValueFault{"it is not the value of an HTTP header", ""});
  }
  return std::string(text);
}

void read_http(const Node& node, WebConfig& config, Findings& findings) {
  if (node.kind != NodeKind::map) {
    return report_kind(node, "http_server_config", "a map", "http_server_config: {http2: false}",
                       findings);
  }
  MapReader map(node, "http_server_config.", findings, MissingValue::is_absent);
  if (const Node* http2 = map.find("http2")) {
    config.http2 =
        read_value(*http2, "http_server_config.http2", findings, parse_truth).value_or(false);
  }
  if (const Node* headers = map.find("headers")) {
    if (headers->kind != NodeKind::map) {
      report_kind(*headers, "http_server_config.headers", "a map",
                  "headers: {X-Frame-Options: deny}", findings);
    } else {
      MapReader names(*headers, "http_server_config.headers.", findings, MissingValue::is_absent);
      for (const std::string_view name : kHeaders) {
        const Node* value = names.find(name);
        if (value == nullptr) continue;
        auto text = read_value(*value, names.name(name), findings, parse_header_value);
        if (text && !text->empty()) config.headers.emplace_back(name, *std::move(text));
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
  if (config.users.size() > kMostUsers) {
    findings.error(node.place, fmt::format("there are more than {} users", kMostUsers));
  }
}

// As Go writes a time.Duration: "1h30m", "1.5s", "250ms", "0".
Parsed<Usec> parse_go_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double usec;
  };
  // "ms" before "m".
  static constexpr std::array<Unit, 7> kUnits{{{"ns", 1e-3},
                                               {"us", 1},
                                               {"\u00b5s", 1},
                                               {"ms", 1e3},
                                               {"s", 1e6},
                                               {"m", 60e6},
                                               {"h", 3600e6}}};
  const ValueFault fault{"it is not a duration", "1s, 250ms, 1m30s"};
  if (text == "0") return Usec{0};
  if (text.empty()) return std::unexpected(fault);
  double usec = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
    double count = 0;
    const std::string_view digits = text.substr(0, end);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    if (end == 0 || read.ec != std::errc{} || read.ptr != digits.data() + digits.size()) {
      return std::unexpected(fault);
    }
    text.remove_prefix(end);
    const auto* unit =
        std::ranges::find_if(kUnits, [&](const Unit& each) { return text.starts_with(each.name); });
    if (unit == kUnits.end()) return std::unexpected(fault);
    usec += count * unit->usec;
    text.remove_prefix(unit->name.size());
  }
  constexpr double kMost = 86400e6;
  if (usec > kMost) return std::unexpected(ValueFault{"it is more than a day", "1s"});
  return Usec{static_cast<std::uint64_t>(usec)};
}

Parsed<std::uint64_t> parse_burst(std::string_view text) {
  const auto burst = parse_integer<std::uint32_t>(text);
  if (!burst) return std::unexpected(ValueFault{"it is not a number of requests", "20"});
  return std::uint64_t{*burst};
}

void read_rate_limit(const Node& node, WebConfig& config, Findings& findings) {
  if (node.kind != NodeKind::map) {
    return report_kind(node, "rate_limit", "a map", "rate_limit: {interval: 1s, burst: 20}",
                       findings);
  }
  MapReader map(node, "rate_limit.", findings, MissingValue::is_absent);
  WebRateLimit limit;
  if (const Node* interval = map.find("interval")) {
    limit.interval =
        read_value(*interval, "rate_limit.interval", findings, parse_go_duration).value_or(Usec{0});
  }
  if (const Node* burst = map.find("burst")) {
    limit.burst = read_value(*burst, "rate_limit.burst", findings, parse_burst).value_or(0);
  }
  map.refuse_unknown();
  if (limit.interval == Usec{0}) return;
  if (limit.burst == 0 && !findings.has_errors()) {
    findings.error(node.place, "rate_limit.burst is missing or 0: every request would be refused",
                   "rate_limit: {interval: 1s, burst: 20}");
  }
  config.rate_limit = limit;
}

WebConfig read_web_config(const Node& node, Findings& findings) {
  WebConfig config;
  if (node.kind != NodeKind::map) {
    report_kind(node, "a web configuration", "a map", kTlsExample, findings);
    return config;
  }
  MapReader document(node, "", findings, MissingValue::is_absent);
  if (const Node* tls = document.find("tls_server_config")) read_tls(*tls, config, findings);
  if (const Node* http = document.find("http_server_config")) read_http(*http, config, findings);
  if (const Node* users = document.find("basic_auth_users")) read_users(*users, config, findings);
  if (const Node* rate = document.find("rate_limit")) read_rate_limit(*rate, config, findings);
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
  const std::vector<Node> documents = parse_yaml(findings, /*may_be_empty=*/true);
  if (!findings.has_errors() && !documents.empty()) {
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
