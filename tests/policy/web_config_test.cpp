#include "policy/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string_view>

#include "tests/paths.h"

namespace cgwarden::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

// "secret", cost 4.
constexpr const char* kHash = "$2y$04$1GUn0lYuBYRvPqSIYsnyFOhOvvqSW5nkCWmSSGoGW8mSHAhvj9CTa";

std::string web_errors(const std::string& text) {
  const auto loaded = load_web_config(text, "web.yml");
  return loaded ? "" : render(loaded.error());
}

TEST(WebConfigTest, EveryKey) {
  const auto loaded =
      load_web_config(std::string("tls_server_config:\n"
                                  "  cert_file: server.crt\n"
                                  "  key_file: /etc/ssl/private/server.key\n"
                                  "  client_ca_file: ../ca.crt\n"
                                  "  client_auth_type: RequireAndVerifyClientCert\n"
                                  "  client_allowed_sans: [prometheus.example, 10.0.0.1]\n"
                                  "  min_version: TLS12\n"
                                  "  max_version: TLS13\n"
                                  "  curve_preferences: [X25519, CurveP256]\n"
                                  "  prefer_server_cipher_suites: true\n"
                                  "http_server_config:\n"
                                  "  http2: false\n"
                                  "  headers:\n"
                                  "    Strict-Transport-Security: max-age=31536000\n"
                                  "    X-Frame-Options: deny\n"
                                  "basic_auth_users:\n"
                                  "  prometheus: ") +
                          kHash + "\n",
                      "/etc/cgwarden/web.yml");
  ASSERT_TRUE(loaded) << render(loaded.error());
  ASSERT_TRUE(loaded->tls);
  const WebTls& tls = *loaded->tls;
  EXPECT_EQ(tls.certificate.path, "/etc/cgwarden/server.crt");
  EXPECT_EQ(tls.key.path, "/etc/ssl/private/server.key");
  EXPECT_EQ(tls.client_ca.path, "/etc/ca.crt");
  EXPECT_EQ(tls.client_auth, ClientAuthType::require_and_verify_client_cert);
  EXPECT_THAT(tls.client_allowed_sans, ElementsAre("prometheus.example", "10.0.0.1"));
  EXPECT_EQ(tls.min_version, TlsVersion::tls12);
  EXPECT_EQ(tls.max_version, TlsVersion::tls13);
  EXPECT_THAT(tls.curves, ElementsAre("X25519", "CurveP256"));
  EXPECT_THAT(loaded->users, ElementsAre(Pair("prometheus", kHash)));
  EXPECT_THAT(loaded->headers, ElementsAre(Pair("X-Frame-Options", "deny"),
                                           Pair("Strict-Transport-Security", "max-age=31536000")));
}

TEST(WebConfigTest, PemMayStandInTheFile) {
  const auto loaded = load_web_config(
      "tls_server_config:\n  cert: |\n    -----BEGIN\n    x\n  key: k\n", "web.yml");
  ASSERT_TRUE(loaded) << render(loaded.error());
  EXPECT_EQ(loaded->tls->certificate.text, "-----BEGIN\nx\n");
  EXPECT_EQ(loaded->tls->key.text, "k");
  EXPECT_EQ(loaded->tls->min_version, TlsVersion::tls12);
  EXPECT_TRUE(loaded->users.empty());
}

// Files that exporters take, and that roll out to all of a fleet.
TEST(WebConfigTest, WhatExportersHaveByDefaultIsTaken) {
  for (const char* text :
       {"", "\n", "# nothing yet\n", "---\n", "{}\n", "basic_auth_users: {}\n",
        "basic_auth_users:\n", "tls_server_config: {}\n",
        "tls_server_config:\nhttp_server_config:\nrate_limit:\n",
        "tls_server_config:\n  min_version: TLS12\n  cert_file: \"\"\n  key_file:\n",
        "http_server_config:\n  http2: true\n  headers:\n    X-Frame-Options: \"\"\n",
        "http_server_config: {headers: }\n", "rate_limit: {interval: 0, burst: 0}\n",
        "rate_limit: {interval: 0s}\n"}) {
    const auto loaded = load_web_config(text, "web.yml");
    ASSERT_TRUE(loaded) << text << render(loaded.error());
    EXPECT_FALSE(loaded->tls) << text;
    EXPECT_TRUE(loaded->users.empty()) << text;
    EXPECT_TRUE(loaded->headers.empty()) << text;
    EXPECT_FALSE(loaded->rate_limit) << text;
    EXPECT_EQ(loaded->http2, std::string_view(text).contains("http2")) << text;
  }
}

TEST(WebConfigTest, CipherSuitesByTheirNamesInGo) {
  const std::string files = "tls_server_config: {cert_file: a, key_file: b, ";
  const auto loaded = load_web_config(
      files +
          "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384], "
          "prefer_server_cipher_suites: false}\n",
      "web.yml");
  ASSERT_TRUE(loaded) << render(loaded.error());
  EXPECT_THAT(loaded->tls->cipher_suites,
              ElementsAre("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"));
  EXPECT_FALSE(loaded->tls->prefer_server_cipher_suites);
  EXPECT_EQ(web_errors(files + "cipher_suites: []}\n"), "");
  EXPECT_THAT(web_errors(files + "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}\n"),
              HasSubstr("tls_server_config.cipher_suites cannot be \"TLS_RSA_WITH_RC4_128_SHA\""));
  EXPECT_THAT(web_errors(files + "cipher_suites: TLS_AES_128_GCM_SHA256}\n"),
              HasSubstr("tls_server_config.cipher_suites must be a list"));
}

TEST(WebConfigTest, ARateLimit) {
  const auto limit = [](const std::string& interval) -> std::uint64_t {
    const auto loaded =
        load_web_config("rate_limit: {interval: " + interval + ", burst: 20}\n", "web.yml");
    if (!loaded || !loaded->rate_limit) return 0;
    EXPECT_EQ(loaded->rate_limit->burst, 20U);
    return loaded->rate_limit->interval.count();
  };
  EXPECT_EQ(limit("1s"), 1'000'000U);
  EXPECT_EQ(limit("250ms"), 250'000U);
  EXPECT_EQ(limit("1m1.5s"), 61'500'000U);
  EXPECT_EQ(limit("10us"), 10U);
  for (const char* bad : {"1", "s", "1x", "-1s", "1.2.3s", "1s2", "25h", "1e3s"}) {
    EXPECT_THAT(web_errors("rate_limit: {interval: " + std::string(bad) + ", burst: 1}\n"),
                HasSubstr("web.yml:1:24: error: rate_limit.interval cannot be"))
        << bad;
  }
  EXPECT_THAT(web_errors("rate_limit: {interval: 1s}\n"),
              HasSubstr("every request would be refused"));
  EXPECT_THAT(web_errors("rate_limit: {interval: 1s, burst: -1}\n"),
              HasSubstr("rate_limit.burst cannot be"));
  EXPECT_THAT(web_errors("rate_limit: {rate: 1}\n"), HasSubstr("unknown key \"rate_limit.rate\""));
}

TEST(WebConfigTest, ClientCertificatesAsExportersTakeThem) {
  const std::string files = "tls_server_config: {cert_file: a, key_file: b, ";
  const auto loaded = load_web_config(files + "client_auth_type: RequireClientCert}\n", "web.yml");
  ASSERT_TRUE(loaded) << render(loaded.error());
  EXPECT_EQ(loaded->tls->client_auth, ClientAuthType::require_any_client_cert);
  EXPECT_EQ(web_errors(files + "client_auth_type: \"\"}\n"), "");
  EXPECT_EQ(
      web_errors(files + "client_auth_type: RequireAnyClientCert, client_allowed_sans: [x]}\n"),
      "");
  EXPECT_THAT(web_errors("tls_server_config: {client_auth_type: RequireAnyClientCert}\n"),
              HasSubstr("cert_file is missing"));
}

TEST(WebConfigTest, EachFaultIsSaidWhereItStands) {
  const std::string found = web_errors(
      "tls_server_config: {cert_file: a, cert: x, client_auth_type: Require, min_version: TLS9}\n"
      "http_server_config: {headers: {X-Frame-Option: deny, X-XSS-Protection: \"\\t\"}}\n"
      "basic_auth_user: {}\n");
  EXPECT_THAT(found, HasSubstr("web.yml:1:32: error: tls_server_config.cert and "
                               "tls_server_config.cert_file exclude each other"));
  EXPECT_THAT(found, HasSubstr("tls_server_config.client_auth_type cannot be \"Require\""));
  EXPECT_THAT(found, HasSubstr("tls_server_config.min_version cannot be \"TLS9\""));
  EXPECT_THAT(found, HasSubstr("tls_server_config.key_file is missing"));
  EXPECT_THAT(found, HasSubstr("did you mean \"X-Frame-Options\"?"));
  EXPECT_THAT(found, HasSubstr("headers.X-XSS-Protection cannot be"));
  EXPECT_THAT(found, HasSubstr("web.yml:3:1: error: unknown key \"basic_auth_user\""));
}

TEST(WebConfigTest, WhatDoesNotBelongTogether) {
  const std::string files = "tls_server_config: {cert_file: a, key_file: b, ";
  EXPECT_THAT(web_errors(files + "client_ca_file: c}\n"), HasSubstr("asks for no certificate"));
  EXPECT_THAT(web_errors(files + "client_auth_type: RequireAndVerifyClientCert}\n"),
              HasSubstr("there is no client_ca_file"));
  EXPECT_THAT(web_errors(files + "client_allowed_sans: [x]}\n"), HasSubstr("that verifies"));
  EXPECT_THAT(web_errors(files + "min_version: TLS13, max_version: TLS12}\n"),
              HasSubstr("min_version is above max_version"));
  EXPECT_EQ(web_errors(files + "client_auth_type: RequireAnyClientCert}\n"), "");
}

// A message goes to a log that more people read than the file.
TEST(WebConfigTest, NoMessageShowsASecret) {
  const std::string found = web_errors(
      "basic_auth_users: {admin: hunter2, \"a:b\": x, list: [hunter2]}\n"
      "tls_server_config: {key: hunter2, key_file: x}\n");
  EXPECT_THAT(found, HasSubstr("web.yml:1:27: error: basic_auth_users.admin is not a bcrypt hash"));
  EXPECT_THAT(found, HasSubstr("web.yml:1:36: error: the name of a user is empty or has a colon"));
  EXPECT_THAT(found, Not(HasSubstr("hunter2")));
}

TEST(WebConfigTest, TheExampleIsGood) {
  std::ifstream file(in_source("examples/prometheus/web.yml"));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto loaded = load_web_config(text, "/etc/cgwarden/web.yml");
  ASSERT_TRUE(loaded) << render(loaded.error());
  EXPECT_EQ(loaded->tls->certificate.path, "/etc/cgwarden/server.crt");
  EXPECT_EQ(loaded->users.count("prometheus"), 1U);
}

TEST(WebConfigTest, BcryptHashes) {
  EXPECT_TRUE(is_bcrypt_hash(kHash));
  std::string text = kHash;
  for (const char* start : {"$2a$04$", "$2b$10$", "$2y$16$"}) {
    EXPECT_TRUE(is_bcrypt_hash(text.replace(0, 7, start))) << text;
  }
  for (const char* start : {"$2x$04$", "$2y$03$", "$2y$17$", "$2y$31$", "$2y$1x$", "$2y-10$"}) {
    EXPECT_FALSE(is_bcrypt_hash(text.replace(0, 7, start))) << text;
  }
  text = kHash;
  EXPECT_FALSE(is_bcrypt_hash(text + "x"));
  EXPECT_FALSE(is_bcrypt_hash(text.substr(0, 59)));
  text.back() = ':';
  EXPECT_FALSE(is_bcrypt_hash(text));
  EXPECT_FALSE(is_bcrypt_hash(""));
}

}  // namespace
}  // namespace cgwarden::policy
