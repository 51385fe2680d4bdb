#include "policy/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

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

TEST(WebConfigTest, WhatTheEndpointCannotDoIsRefusedByName) {
  const std::string found = web_errors(
      "tls_server_config:\n"
      "  cert_file: a\n"
      "  key_file: b\n"
      "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"
      "http_server_config: {http2: true}\n"
      "rate_limit: {burst: 1}\n");
  EXPECT_THAT(found, HasSubstr("web.yml:4:3: error: tls_server_config.cipher_suites is not "
                               "supported: GnuTLS has no list of Go's suites"));
  EXPECT_THAT(found, HasSubstr("web.yml:5:29: error: http2 is not supported"));
  EXPECT_THAT(found, HasSubstr("web.yml:6:1: error: rate_limit is not supported"));
}

TEST(WebConfigTest, EachFaultIsSaidWhereItStands) {
  const std::string found = web_errors(
      "tls_server_config: {cert_file: a, cert: x, client_auth_type: Require, min_version: TLS9}\n"
      "http_server_config: {headers: {X-Frame-Option: deny, X-XSS-Protection: \"\"}}\n"
      "basic_auth_user: {}\n");
  EXPECT_THAT(found, HasSubstr("web.yml:1:32: error: tls_server_config.cert and "
                               "tls_server_config.cert_file exclude each other"));
  EXPECT_THAT(found, HasSubstr("tls_server_config.client_auth_type cannot be \"Require\""));
  EXPECT_THAT(found, HasSubstr("tls_server_config.min_version cannot be \"TLS9\""));
  EXPECT_THAT(found, HasSubstr("tls_server_config.key_file is missing"));
  EXPECT_THAT(found, HasSubstr("did you mean \"X-Frame-Options\"?"));
  EXPECT_THAT(found, HasSubstr("headers.X-XSS-Protection cannot be \"\""));
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
  std::ifstream file(FIXTURES "/../../examples/prometheus/web.yml");
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
