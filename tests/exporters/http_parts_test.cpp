// The small parsers of the endpoint, and its rate limit.
#include <gmock/gmock.h>

#include <string>

#include "exporters/http_basic.h"
#include "exporters/http_target.h"
#include "exporters/rate_limiter.h"
#include "exporters/tls_suites.h"

namespace cgwarden::exporters {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

TEST(HttpTargetTest, OriginAndAbsoluteForm) {
  EXPECT_EQ(http_target("/metrics").path, "/metrics");
  EXPECT_FALSE(http_target("/metrics").authority);
  EXPECT_EQ(http_target("http://a:1/metrics").path, "/metrics");
  EXPECT_EQ(http_target("http://a:1/metrics").authority, "a:1");
  EXPECT_EQ(http_target("HtTpS://[::1]").path, "/");
  EXPECT_EQ(http_target("HtTpS://[::1]").authority, "[::1]");
  for (const char* other : {"", "*", "http:/a", "http://", "http:///x", "ftp://a/x", "a:1"}) {
    EXPECT_EQ(http_target(other).path, other);
    EXPECT_FALSE(http_target(other).authority);
  }
}

TEST(HttpTargetTest, PercentDecoding) {
  const auto decoded = [](std::string text) {
    text.resize(percent_decode(text.data()));
    return text;
  };
  EXPECT_EQ(decoded("/a%2Fb%41%7e"), "/a/bA~");
  EXPECT_EQ(decoded("%00x%0g%%41%4"), "%00x%0g%A%4");
  EXPECT_EQ(decoded("%c3%A4"), "\xc3\xa4");
  EXPECT_EQ(decoded("+"), "+");
  EXPECT_EQ(decoded(""), "");
}

TEST(HttpBasicTest, RightOnes) {
  for (const char* text : {"Basic dTpw", "basic dTpw", "BASIC  dTpw ", " Basic dTpw"}) {
    const auto user = parse_basic(text);
    ASSERT_TRUE(user) << text;
    EXPECT_EQ(user->name, "u");
    EXPECT_EQ(user->password, "p");
  }
  EXPECT_EQ(parse_basic("Basic dTo=")->password, "");
  EXPECT_EQ(parse_basic("Basic OnA=")->name, "");
  EXPECT_EQ(parse_basic("Basic dTphOmI=")->password, "a:b");
  EXPECT_EQ(parse_basic("Basic dTrDpA==")->password, "\xc3\xa4");
}

TEST(HttpBasicTest, WrongOnes) {
  for (const char* text :
       {"", "Basic", "Basic ", "BasicdTpw", "Bearer dTpw", "Basic dXA=", "Basic dTp",
        "Basic dTpw=", "Basic dT=w", "Basic d T p w", "Basic ====", "Basic dTpwAA==",
        "Basic dTpwAHg=", "Basic dTpw,Basic dTpw", "Basic dTp\xff"}) {
    EXPECT_FALSE(parse_basic(text)) << text;
  }
}

TEST(RateLimiterTest, ABurstThenOneAnInterval) {
  RateLimiter limiter(Usec{1000}, 3);
  const Usec start{50'000};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.take(start));
  EXPECT_FALSE(limiter.take(start));
  EXPECT_FALSE(limiter.take(start + Usec{999}));
  EXPECT_TRUE(limiter.take(start + Usec{1000}));
  EXPECT_FALSE(limiter.take(start + Usec{1999}));
  EXPECT_TRUE(limiter.take(start + Usec{2500}));
  EXPECT_TRUE(limiter.take(start + Usec{3000}));  // the half interval is not lost
  EXPECT_FALSE(limiter.take(start + Usec{3999}));
}

TEST(RateLimiterTest, APauseFillsNoMoreThanTheBurst) {
  RateLimiter limiter(Usec{1000}, 2);
  EXPECT_TRUE(limiter.take(Usec{1}));
  const Usec later{1'000'000'000};
  EXPECT_TRUE(limiter.take(later));
  EXPECT_TRUE(limiter.take(later));
  EXPECT_FALSE(limiter.take(later));
  EXPECT_FALSE(limiter.take(Usec{5}));  // a clock that went back gives nothing
}

TEST(TlsSuitesTest, OnlyThoseOfTheCertificatesKey) {
  const auto rsa = suites_priority(
      {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
      ServerKey::rsa);
  ASSERT_TRUE(rsa);
  EXPECT_THAT(*rsa, EndsWith(":+AES-256-GCM:+AEAD:+ECDHE-RSA"));
  EXPECT_FALSE(suites_priority({"TLS_RSA_WITH_AES_128_GCM_SHA256"}, ServerKey::ecdsa));
  EXPECT_FALSE(suites_priority({"nothing"}, ServerKey::rsa));
}

TEST(TlsSuitesTest, AVersionWithoutASuiteIsOff) {
  const auto old = suites_priority({"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"}, ServerKey::ecdsa);
  ASSERT_TRUE(old);
  EXPECT_THAT(*old, HasSubstr(":+AES-128-CBC:+SHA1:+ECDHE-ECDSA:-VERS-TLS1.3"));
  const auto fresh = suites_priority({"TLS_AES_128_GCM_SHA256"}, ServerKey::ecdsa);
  ASSERT_TRUE(fresh);
  EXPECT_THAT(*fresh, HasSubstr(":-VERS-TLS1.2"));
  EXPECT_THAT(*fresh, Not(HasSubstr("-VERS-TLS1.3")));
}

}  // namespace
}  // namespace cgwarden::exporters
