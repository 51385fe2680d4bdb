// TLS and passwords of the endpoint, as clients see them.
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <thread>
#include <vector>

#include "example_view.h"
#include "http_client.h"
#include "tls_files.h"

#include "exporters/http_auth.h"
#include "exporters/http_endpoint.h"

namespace cgwarden::exporters {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// bcrypt of "secret" and of "other"; cost 4, the least.
constexpr const char* kSecret = "$2y$04$1GUn0lYuBYRvPqSIYsnyFO46pFtF/WGTxiLn.NL906nE14c2Bqo8a";
constexpr const char* kOther = "$2y$04$1GUn0lYuBYRvPqSIYsnyFOWFJOai58aRIiNF9RO/dSFUIPGRd90v6";
// base64 of "prometheus:secret", "prometheus:wrong", "nobody:secret".
constexpr const char* kRight = "Authorization: Basic cHJvbWV0aGV1czpzZWNyZXQ=\r\n";
constexpr const char* kWrong = "Authorization: Basic cHJvbWV0aGV1czp3cm9uZw==\r\n";
constexpr const char* kNobody = "Authorization: Basic bm9ib2R5OnNlY3JldA==\r\n";
constexpr const char* kGet =
    "GET /metrics HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n";

using Users = std::map<std::string, std::string>;

class Secured : public testing::Test {
 protected:
  void start(WebSecurity security, unsigned idle_seconds = limits::kHttpIdleSeconds) {
    auto listeners = Listener::open_all({"127.0.0.1:0"});
    ASSERT_TRUE(listeners) << listeners.error().sentence();
    auto started =
        HttpEndpoint::start(*std::move(listeners), metrics_,
                            {.security = std::move(security), .idle_seconds = idle_seconds});
    ASSERT_TRUE(started) << started.error().sentence();
    endpoint_ = *std::move(started);
    endpoint_->publish(std::make_shared<const View>(example_view()));
  }
  HttpClient client() { return HttpClient::ipv4(endpoint_->port()); }

  SelfMetrics metrics_;
  std::unique_ptr<HttpEndpoint> endpoint_;
};

TEST_F(Secured, ARateLimitIsOfAllRequestsTogether) {
  start({.rate_limit = RateLimit{.interval = Usec{3'600'000'000}, .burst = 2}});
  EXPECT_EQ(client().get("/metrics").status, 200);
  auto connection = client();
  EXPECT_EQ(connection.get("/nothing").status, 404);
  const auto refused = connection.get("/healthz");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  EXPECT_EQ(connection.request("HEAD", "/metrics").status, 429);
  ASSERT_TRUE(endpoint_->protect({}));
  EXPECT_EQ(connection.get("/metrics").status, 200);
}

// --- passwords

TEST_F(Secured, OnlyTheRightPasswordIsLetIn) {
  start({.users = {{"prometheus", kSecret}}});
  for (const char* path : {"/metrics", "/metrics/agent", "/healthz", "/readyz", "/nothing"}) {
    const auto refused = client().get(path);
    EXPECT_EQ(refused.status, 401) << path;
    EXPECT_THAT(refused.headers.at("www-authenticate"), StartsWith("Basic realm="));
    EXPECT_THAT(refused.body, Not(HasSubstr("cgwarden_")));
    EXPECT_EQ(client().get(path, kWrong).status, 401) << path;
    EXPECT_EQ(client().get(path, kNobody).status, 401) << path;
  }
  EXPECT_EQ(client().get("/metrics", kRight).status, 200);
  EXPECT_EQ(client().get("/nothing", kRight).status, 404);
}

TEST_F(Secured, TheConnectionStaysAndEachRequestIsChecked) {
  start({.users = {{"prometheus", kSecret}}});
  auto connection = client();
  EXPECT_EQ(connection.get("/metrics", kRight).status, 200);
  EXPECT_EQ(connection.get("/metrics").status, 401);
  EXPECT_EQ(connection.get("/metrics", kWrong).status, 401);
  EXPECT_EQ(connection.get("/metrics", kWrong).status, 401);  // from memory
  EXPECT_EQ(connection.get("/metrics", kRight).status, 200);  // from memory
  EXPECT_EQ(connection.request("HEAD", "/metrics", kRight).status, 200);
  EXPECT_EQ(connection.request("POST", "/metrics", kRight).status, 405);
}

TEST_F(Secured, MangledCredentialsAreRefused) {
  start({.users = {{"prometheus", kSecret}}});
  for (const std::string value :
       {"Basic", "Basic ", "Basic ====", "Basic cHJvbWV0aGV1cw==", "Basic Og==",
        "Bearer cHJvbWV0aGV1czpzZWNyZXQ=", "cHJvbWV0aGV1czpzZWNyZXQ=", "Basic \xff\xff",
        // A NUL after the right password, and something behind it.
        "Basic cHJvbWV0aGV1czpzZWNyZXQA", "Basic cHJvbWV0aGV1czpzZWNyZXQAanVuaw==",
        "Basic cHJvbWV0aGV1czpzZWNyZXQ", "Basic cHJvbWV0aGV1czpzZWNyZXQ=x"}) {
    EXPECT_EQ(client().get("/metrics", "Authorization: " + value + "\r\n").status, 401) << value;
  }
  EXPECT_EQ(client().get("/healthz", kRight).status, 200);
}

// RFC 9110 section 11.1: the name of a scheme has no case.
TEST_F(Secured, TheSchemeIsBasicInAnyCase) {
  start({.users = {{"prometheus", kSecret}}});
  for (const std::string scheme : {"basic", "BASIC", "bAsIc", "Basic ", "  Basic"}) {
    EXPECT_EQ(client()
                  .get("/healthz", "Authorization: " + scheme + " cHJvbWV0aGV1czpzZWNyZXQ=\r\n")
                  .status,
              200)
        << scheme;
  }
}

TEST_F(Secured, ManyWrongPasswordsAtOnceDoNotStopTheRightOne) {
  start({.users = {{"prometheus", kSecret}}});
  ASSERT_EQ(client().get("/metrics", kRight).status, 200);
  std::vector<HttpClient> guessing;
  for (int i = 0; i < 12; ++i) {
    guessing.push_back(client());
    // Each another password: "a:00", "a:01", ...
    static constexpr const char* kGuesses[] = {
        "YTowMA==", "YTowMQ==", "YTowMg==", "YTowMw==", "YTowNA==", "YTowNQ==",
        "YTowNg==", "YTowNw==", "YTowOA==", "YTowOQ==", "YToxMA==", "YToxMQ=="};
    guessing.back().send("GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " +
                         std::string(kGuesses[i]) + "\r\n\r\n");
  }
  EXPECT_EQ(client().get("/metrics", kRight).status, 200);
  for (auto& one : guessing) EXPECT_EQ(one.read().status, 401);
}

TEST_F(Secured, EndsWhilePasswordsAreVerified) {
  for (int round = 0; round < 5; ++round) {
    start({.users = {{"prometheus", kSecret}}});
    std::vector<HttpClient> waiting;
    for (int i = 0; i < 8; ++i) {
      waiting.push_back(client());
      waiting.back().send("GET /metrics HTTP/1.1\r\nHost: x\r\n" + std::string(kWrong) + "\r\n");
    }
    endpoint_.reset();
  }
}

TEST_F(Secured, NewUsersAreInForceAtOnce) {
  start({.users = {{"prometheus", kSecret}}});
  auto connection = client();
  EXPECT_EQ(connection.get("/metrics", kRight).status, 200);
  ASSERT_TRUE(endpoint_->protect({.users = {{"prometheus", kOther}}}));
  EXPECT_EQ(connection.get("/metrics", kRight).status, 401);
  ASSERT_TRUE(endpoint_->protect({.headers = {{"X-Frame-Options", "deny"}}}));
  const auto open = connection.get("/metrics");
  EXPECT_EQ(open.status, 200);
  EXPECT_EQ(open.headers.at("x-frame-options"), "deny");
  EXPECT_EQ(connection.get("/nothing").headers.at("x-frame-options"), "deny");
}

TEST(CredentialsTest, RemembersWhatItVerified) {
  Credentials credentials(Users{{"prometheus", kSecret}, {"other", kOther}});
  EXPECT_FALSE(credentials.known("prometheus", "secret"));
  EXPECT_TRUE(credentials.verify("prometheus", "secret"));
  EXPECT_EQ(credentials.known("prometheus", "secret"), true);
  EXPECT_FALSE(credentials.known("other", "secret"));
  EXPECT_FALSE(credentials.verify("other", "secret"));
  EXPECT_EQ(credentials.known("other", "secret"), false);
  EXPECT_TRUE(credentials.verify("other", "other"));
  // Wrong ones, however many, do not push the right ones out.
  for (std::size_t i = 0; i < limits::kHttpKnownCredentials + 2; ++i) {
    EXPECT_FALSE(credentials.verify("prometheus", std::to_string(i)));
  }
  EXPECT_EQ(credentials.known("prometheus", "secret"), true);
  EXPECT_FALSE(credentials.known("prometheus", "0"));
}

TEST(CredentialsTest, ANulIsPartOfThePassword) {
  Credentials credentials(Users{{"prometheus", kSecret}});
  EXPECT_FALSE(credentials.verify("prometheus", std::string("secret\0", 7)));
  EXPECT_FALSE(credentials.verify("prometheus", std::string("secret\0x", 8)));
  EXPECT_FALSE(credentials.verify("", ""));
}

// --- TLS

class OverTls : public Secured {
 protected:
  static void SetUpTestSuite() { files_ = new TlsFiles; }
  static void TearDownTestSuite() {
    delete files_;
    files_ = nullptr;
  }
  void SetUp() override { ASSERT_TRUE(files_->made()) << "the openssl program is needed"; }
  static TlsSettings settings() {
    return {.certificate = files_->text("server.crt"), .key = files_->text("server.key")};
  }
  static TlsSettings with_clients(ClientAuth auth) {
    TlsSettings tls = settings();
    tls.client_ca = files_->text("ca.crt");
    tls.client_auth = auth;
    return tls;
  }
  static std::string as(const std::string& name) {
    return "-cert " + files_->path(name + ".crt") + " -key " + files_->path(name + ".key");
  }
  // The CA is checked, and the name.
  std::string ask(const std::string& options = "", const std::string& request = kGet) {
    return ask_over_tls(endpoint_->port(), request,
                        "-verify_return_error -verify_hostname localhost -CAfile " +
                            files_->path("ca.crt") + " " + options);
  }
  static TlsFiles* files_;
};
TlsFiles* OverTls::files_ = nullptr;

constexpr const char* kOk = "HTTP/1.1 200 OK\r\n";

TEST_F(OverTls, ServesThePage) {
  start({.tls = settings()});
  const std::string answer = ask();
  EXPECT_THAT(answer, StartsWith(kOk));
  EXPECT_THAT(answer, HasSubstr("cgwarden_cgroup_"));
  EXPECT_THAT(ask("-tls1_2"), StartsWith(kOk));
  EXPECT_THAT(ask("-tls1_3"), StartsWith(kOk));
  EXPECT_EQ(ask("-tls1_1 -cipher DEFAULT@SECLEVEL=0"), "");
}

// The server's key is ECDSA.
TEST_F(OverTls, OnlyTheCipherSuitesAskedForAreSpoken) {
  TlsSettings tls = settings();
  tls.suites = {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"};
  start({.tls = tls});
  EXPECT_THAT(ask("-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384"), StartsWith(kOk));
  EXPECT_EQ(ask("-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256"), "");
  EXPECT_EQ(ask("-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305"), "");
  EXPECT_THAT(ask("-tls1_3"), StartsWith(kOk));

  tls.suites = {"TLS_AES_128_GCM_SHA256"};
  start({.tls = tls});
  EXPECT_EQ(ask("-tls1_2"), "");
  EXPECT_THAT(ask("-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256"), StartsWith(kOk));
  EXPECT_EQ(ask("-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384"), "");

  tls.suites = {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"};
  start({.tls = tls});
  EXPECT_THAT(ask("-cipher ECDHE-ECDSA-AES128-SHA"), StartsWith(kOk));  // 1.3 is offered too
  EXPECT_EQ(ask("-tls1_3"), "");
}

TEST_F(OverTls, CipherSuitesOfAnotherKeyAreRefused) {
  start({.tls = settings()});
  TlsSettings tls = settings();
  tls.suites = {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"};
  const Status refused = endpoint_->protect({.tls = tls});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().sentence(), HasSubstr("ECDSA key of the certificate"));
}

TEST_F(OverTls, ALargePageIsStreamed) {
  start({.tls = settings()});
  std::vector<cgroup::Sample> samples;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    samples.push_back(full_sample("/many/" + std::to_string(i), i + 1));
  }
  const View view = view_of(std::move(samples));
  endpoint_->publish(std::make_shared<const View>(view));
  const std::string answer = ask();
  EXPECT_GT(answer.size(), render_metrics(view, Exposition::text_0_0_4).size());
  EXPECT_THAT(answer.substr(answer.size() - 5), "0\r\n\r\n");
}

TEST_F(OverTls, PlainHttpIsNotAnswered) {
  start({.tls = settings()});
  auto plain = client();
  plain.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(plain.read().status, 0);
  EXPECT_THAT(ask(), StartsWith(kOk));
}

// A client that never shakes hands holds a connection no longer than any other.
TEST_F(OverTls, AHandshakeThatStopsIsClosed) {
  start({.tls = settings()}, /*idle_seconds=*/1);
  auto silent = client();
  EXPECT_TRUE(silent.ends());
  auto half = client();
  half.send(std::string("\x16\x03\x01\x02", 4));
  EXPECT_TRUE(half.ends());
}

TEST_F(OverTls, PasswordsToo) {
  start({.tls = settings(), .users = {{"prometheus", kSecret}}});
  EXPECT_THAT(ask(), StartsWith("HTTP/1.1 401 Unauthorized\r\n"));
  EXPECT_THAT(ask("",
                  "GET /metrics HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n"
                  "Authorization: Basic cHJvbWV0aGV1czpzZWNyZXQ=\\r\\n\\r\\n"),
              StartsWith(kOk));
}

TEST_F(OverTls, WhichClientsAreLetIn) {
  struct Case {
    ClientAuth auth;
    bool none;      // without a certificate
    bool stranger;  // with one of no known CA
    bool client;    // with one of the CA
  };
  for (const Case& one :
       {Case{ClientAuth::none, true, true, true}, Case{ClientAuth::request, true, true, true},
        Case{ClientAuth::require_any, false, true, true},
        Case{ClientAuth::verify_if_given, true, false, true},
        Case{ClientAuth::require_and_verify, false, false, true}}) {
    start({.tls = with_clients(one.auth)});
    for (const char* version : {"-tls1_2 ", "-tls1_3 "}) {
      SCOPED_TRACE(std::to_string(static_cast<int>(one.auth)) + version);
      EXPECT_EQ(ask(version).starts_with(kOk), one.none);
      EXPECT_EQ(ask(version + as("stranger")).starts_with(kOk), one.stranger);
      EXPECT_EQ(ask(version + as("client")).starts_with(kOk), one.client);
    }
  }
}

TEST_F(OverTls, AServersCertificateIsNoClients) {
  start({.tls = with_clients(ClientAuth::require_and_verify)});
  EXPECT_EQ(ask(as("server")), "");
}

TEST_F(OverTls, OneOfTheNamesMustBeAllowed) {
  TlsSettings tls = with_clients(ClientAuth::require_and_verify);
  for (const char* name : {"prometheus.example", "10.0.0.1"}) {
    tls.client_sans = {"nobody.example", name};
    start({.tls = tls});
    EXPECT_THAT(ask(as("client")), StartsWith(kOk)) << name;
  }
  tls.client_sans = {"nobody.example"};
  start({.tls = tls});
  EXPECT_EQ(ask(as("client")), "");
}

TEST_F(OverTls, ANewCertificateIsForNewConnections) {
  TlsSettings first = settings();
  first.certificate = files_->text("stranger.crt");
  first.key = files_->text("stranger.key");
  start({.tls = first});
  EXPECT_EQ(ask(), "");  // not of the CA
  ASSERT_TRUE(endpoint_->protect({.tls = settings()}));
  EXPECT_THAT(ask(), StartsWith(kOk));

  TlsSettings mixed = settings();
  mixed.key = files_->text("client.key");
  const Status refused = endpoint_->protect({.tls = mixed});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().sentence(), HasSubstr("the certificate and key"));
  EXPECT_THAT(ask(), StartsWith(kOk));  // the old ones stay

  const Status off = endpoint_->protect({});
  ASSERT_FALSE(off);
  EXPECT_THAT(off.error().sentence(), HasSubstr("restart the agent"));
}

TEST_F(OverTls, WhatIsNoCertificateIsRefusedAtTheStart) {
  std::vector<TlsSettings> bad(4, settings());
  bad[0].certificate = "x";
  bad[1].key.clear();
  bad[2].client_ca = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
  bad[3].priority = "NORMAL:+VERS-TLS9";
  for (const TlsSettings& tls : bad) {
    auto listeners = Listener::open_all({"127.0.0.1:0"});
    ASSERT_TRUE(listeners);
    const auto started =
        HttpEndpoint::start(*std::move(listeners), metrics_, {.security = {.tls = tls}});
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().kind, ErrorKind::invalid);
  }
}

}  // namespace
}  // namespace cgwarden::exporters
