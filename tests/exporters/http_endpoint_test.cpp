#include "exporters/http_endpoint.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>
#include <vector>

#include "endpoint_fixture.h"
#include "gunzip.h"

#include "base/text.h"
#include "exporters/cadvisor.h"
#include "exporters/metrics.h"

namespace cgwarden::exporters {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kText = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* kOpenMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";

TEST_F(Endpoint, IsHealthyButNotReadyBeforeTheFirstPublish) {
  EXPECT_NE(endpoint_->port(), 0);
  EXPECT_EQ(client().get("/healthz").status, 200);
  EXPECT_EQ(client().get("/readyz").status, 503);
  EXPECT_EQ(client().get("/metrics").status, 503);
  publish();
  EXPECT_EQ(client().get("/readyz").status, 200);
  EXPECT_EQ(client().get("/metrics").status, 200);
}

TEST_F(Endpoint, TheAgentsOwnMetricsAloneNeedNoSample) {
  const auto answer = client().get("/metrics/agent");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("content-type"), kText);
  EXPECT_THAT(answer.body, HasSubstr("cgwarden_build_info{"));
  publish();
  const auto all = client().get("/metrics");
  const auto own = client().get("/metrics/agent", "Accept: application/openmetrics-text\r\n");
  EXPECT_EQ(own.headers.at("content-type"), kOpenMetrics);
  EXPECT_THAT(own.body, testing::Not(HasSubstr("cgwarden_cgroup_")));
  EXPECT_THAT(own.body, EndsWith("\n# EOF\n"));
  // It is not a scrape of the page.
  EXPECT_THAT(client().get("/metrics/agent").body,
              HasSubstr("cgwarden_agent_scrape_duration_seconds_count 1\n"));
}

// Of a counter that Prometheus meets at 1 no increase() is ever known.
TEST_F(Endpoint, PrometheusMeetsACounterBeforeItMoved) {
  constexpr const char* kPrometheus = "X-Prometheus-Scrape-Timeout-Seconds: 10\r\n";
  const auto publish_with = [&](std::uint64_t sequence) {
    auto view = std::make_shared<View>(example_view());
    view->snapshot = std::make_shared<const cgroup::Snapshot>(
        TimePoint{}, std::vector<cgroup::Sample>{}, 0, std::vector<cgroup::Sample>{}, sequence,
        std::vector<cgroup::Sample>{});
    view->subjects = {{.subject = {.name = "old.service"}, .oom_kills = 4, .born = 2},
                      {.subject = {.name = "new.service"}, .oom_kills = 1, .born = 6}};
    view->workloads.front().born = 6;
    endpoint_->publish(std::move(view));
  };
  const auto kills = [&](const char* headers) {
    const std::string body = client().get("/metrics", headers).body;
    std::string found;
    for (const std::string name : {"unit=\"old.service\"", "unit=\"new.service\""}) {
      const std::string series = "cgwarden_unit_oom_kills_total{" + name + "} ";
      found += body.substr(body.find(series) + series.size(), 1);
    }
    return found;
  };
  publish_with(7);
  EXPECT_EQ(kills("X-Prometheus-Scrape-Timeout-Seconds: 9\r\n"), "41")
      << "known by another name it may have had it";
  publish_with(5);
  (void)client().get("/metrics", kPrometheus);
  publish_with(7);
  EXPECT_EQ(kills(""), "41") << "who does not add up is told what is";
  EXPECT_EQ(kills(kPrometheus), "40");
  EXPECT_EQ(kills(kPrometheus), "41");
}

TEST_F(Endpoint, MetricsAreThePageAndTheAgentsOwn) {
  publish();
  const auto answer = client().get("/metrics");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("content-type"), kText);
  EXPECT_EQ(answer.headers.at("vary"), "Accept, Accept-Encoding");
  EXPECT_FALSE(answer.headers.contains("content-encoding"));
  EXPECT_THAT(answer.body, StartsWith(render_metrics(example_view(), Exposition::text_0_0_4)));
  EXPECT_THAT(answer.body, HasSubstr("cgwarden_build_info{"));
  EXPECT_THAT(answer.body, testing::Not(HasSubstr("# EOF")));
}

TEST_F(Endpoint, OpenMetricsEndsInEof) {
  publish();
  const auto answer = client().get("/metrics", "Accept: application/openmetrics-text\r\n");
  EXPECT_EQ(answer.headers.at("content-type"), kOpenMetrics);
  EXPECT_THAT(answer.body,
              StartsWith(render_metrics(example_view(), Exposition::openmetrics_1_0_0)));
  EXPECT_THAT(answer.body, EndsWith("\n# EOF\n"));
  EXPECT_EQ(answer.body.find("# EOF"), answer.body.size() - 6);
}

TEST_F(Endpoint, CadvisorIsAPageOfItsOwn) {
  EXPECT_EQ(client().get("/metrics/cadvisor").status, 503);
  publish();
  const auto answer = client().get("/metrics/cadvisor");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("content-type"), kText);
  EXPECT_EQ(answer.body, render_cadvisor(example_view(), Exposition::text_0_0_4));
  const auto openmetrics =
      client().get("/metrics/cadvisor", "Accept: application/openmetrics-text\r\n");
  EXPECT_EQ(openmetrics.body,
            render_cadvisor(example_view(), Exposition::openmetrics_1_0_0) + "# EOF\n");
  EXPECT_EQ(gunzip(client().get("/metrics/cadvisor", "Accept-Encoding: gzip\r\n").body),
            answer.body);
  auto connection = client();
  const auto head = connection.request("HEAD", "/metrics/cadvisor");
  EXPECT_EQ(head.headers.at("content-length"), std::to_string(answer.body.size()));
}

TEST_F(Endpoint, AcceptMayComeInSeveralFields) {
  publish();
  const auto answer = client().get(
      "/metrics", "accept: text/plain;q=0.5\r\nACCEPT: application/openmetrics-text\r\n");
  EXPECT_EQ(answer.headers.at("content-type"), kOpenMetrics);
}

TEST_F(Endpoint, GzipWhenAccepted) {
  publish();
  const auto answer = client().get("/metrics", "Accept-Encoding: gzip\r\n");
  EXPECT_EQ(answer.headers.at("content-encoding"), "gzip");
  EXPECT_THAT(gunzip(answer.body),
              StartsWith(render_metrics(example_view(), Exposition::text_0_0_4)));
  EXPECT_THAT(gunzip(answer.body), HasSubstr("cgwarden_build_info{"));

  const auto refused = client().get("/metrics", "Accept-Encoding: gzip;q=0\r\n");
  EXPECT_FALSE(refused.headers.contains("content-encoding"));
  EXPECT_THAT(refused.body, StartsWith("# HELP "));
}

TEST_F(Endpoint, HeadHasTheHeadersOfGetAndNoBody) {
  publish();
  for (const char* path : {"/metrics", "/healthz", "/nothing"}) {
    auto connection = client();
    const auto head = connection.request("HEAD", path);
    const auto get = connection.get(path);  // on the same connection: no stray body is in between
    EXPECT_EQ(head.status, get.status) << path;
    EXPECT_EQ(head.headers.at("content-type"), get.headers.at("content-type"));
    EXPECT_EQ(head.headers.at("content-length"), std::to_string(get.body.size())) << path;
  }
}

TEST_F(Endpoint, KeepsTheConnection) {
  publish();
  auto connection = client();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(connection.get("/metrics").status, 200);
  const auto last = connection.get("/healthz", "Connection: close\r\n");
  EXPECT_EQ(last.status, 200);
  EXPECT_TRUE(connection.closed());
}

TEST_F(Endpoint, OtherPathsAreNotFound) {
  for (const char* path : {"/", "/metricsfoo", "/metrics/", "/metrics/foo", "/Metrics", "//metrics",
                           "/../metrics", "/healthz/x", "*"}) {
    EXPECT_EQ(client().get(path).status, 404) << path;
  }
  publish();
  EXPECT_EQ(client().get("/metrics?name=x").status, 200);
}

// RFC 9112 section 3.2.2: what a client says to a proxy is taken from it too.
TEST_F(Endpoint, TheAbsoluteFormOfATargetIsTaken) {
  publish();
  EXPECT_EQ(client().get("http://localhost:9753/metrics").status, 200);
  EXPECT_EQ(client().get("HTTPS://[::1]/healthz").status, 200);
  EXPECT_EQ(client().get("http://localhost/metrics/agent?x=y").status, 200);
  for (const char* target : {"http://localhost", "http://localhost/nothing", "ftp://x/metrics",
                             "http:/metrics", "http:///metrics", "x/metrics"}) {
    EXPECT_EQ(client().get(target).status, 404) << target;
  }
}

TEST_F(Endpoint, ANulIsNoEndOfAPath) {
  publish();
  EXPECT_EQ(client().get("/metrics%00").status, 404);
  EXPECT_EQ(client().get("/metrics%00/x").status, 404);
  EXPECT_EQ(client().get("/m%65trics").status, 200);
  EXPECT_EQ(client().get("/metrics%").status, 404);
  EXPECT_EQ(client().get("/metrics%zz").status, 404);
}

TEST_F(Endpoint, OtherMethodsAreNotAllowed) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"}) {
    const auto answer = client().request(method, "/metrics");
    EXPECT_EQ(answer.status, 405) << method;
    EXPECT_EQ(answer.headers.at("allow"), "GET, HEAD") << method;
  }
}

TEST_F(Endpoint, ARequestBodyIsRefusedUnread) {
  publish();
  auto sized = client();
  EXPECT_EQ(sized.get("/metrics", "Content-Length: 1000000\r\n").status, 413);
  EXPECT_TRUE(sized.closed());
  auto chunked = client();
  EXPECT_EQ(chunked.get("/metrics", "Transfer-Encoding: chunked\r\n").status, 413);
  auto posted = client();
  EXPECT_EQ(posted.request("POST", "/metrics", "Content-Length: 10\r\n").status, 405);
  EXPECT_EQ(client().get("/metrics", "Content-Length: 0\r\n").status, 200);
}

TEST_F(Endpoint, AMalformedRequestIsRefused) {
  for (const char* request : {"GARBAGE\r\n\r\n", "GET /healthz\r\n\r\n\r\n",
                              "GET /healthz HTTP/1.1\r\n\r\n",  // no Host
                              "GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n"}) {
    auto connection = client();
    connection.send(request);
    const int status = connection.read().status;
    EXPECT_TRUE(status == 0 || status == 400 || status == 505) << request << status;
  }
}

// No end of a request comes: each of them occupies a connection until it is dropped or times out.
TEST_F(Endpoint, GarbageDoesNotHurtTheServer) {
  std::vector<HttpClient> held;
  for (const auto& garbage : {std::string(64, '\0') + "\r\n\r\n", std::string("\x16\x03\x01\x02"),
                              std::string(2000, '\xff'), std::string("\r\n\r\n\r\n")}) {
    held.push_back(client());
    held.back().send(garbage);
    EXPECT_EQ(client().get("/healthz").status, 200) << printable(garbage);
  }
}

TEST_F(Endpoint, AHugeHeaderIsRefused) {
  const auto answer = client().get("/healthz", "X-Long: " + std::string(1 << 20, 'x') + "\r\n");
  EXPECT_TRUE(answer.status == 431 || answer.status == 413 || answer.status == 0) << answer.status;
  EXPECT_EQ(client().get("/healthz").status, 200);
}

TEST_F(Endpoint, CountsItsScrapes) {
  publish();
  const auto first = client().get("/metrics");
  EXPECT_THAT(first.body, HasSubstr("cgwarden_agent_scrape_duration_seconds_count 0\n"));
  client().request("HEAD", "/metrics");
  const auto second = client().get("/metrics");
  EXPECT_THAT(second.body, HasSubstr("cgwarden_agent_scrape_duration_seconds_count 1\n"));
  EXPECT_THAT(second.body, HasSubstr("cgwarden_agent_scrape_bytes_total " +
                                     std::to_string(first.body.size()) + "\n"));
}

// A large page has no length beforehand; its bytes are the same, and the connection stays.
TEST_F(Endpoint, ALargePageIsStreamed) {
  std::vector<cgroup::Sample> samples;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    samples.push_back(full_sample("/many/" + std::to_string(i), i + 1));
  }
  const View view = view_of(std::move(samples));
  endpoint_->publish(std::make_shared<const View>(view));
  for (const auto exposition : {Exposition::text_0_0_4, Exposition::openmetrics_1_0_0}) {
    const std::string page = render_metrics(view, exposition);
    ASSERT_GT(page.size(), 2U << 20U);
    const std::string accept =
        exposition == Exposition::text_0_0_4 ? "" : "Accept: application/openmetrics-text\r\n";
    auto connection = client();
    const auto answer = connection.get("/metrics", accept);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.headers.at("transfer-encoding"), "chunked");
    EXPECT_TRUE(answer.body.starts_with(page));
    EXPECT_THAT(answer.body.substr(page.size()), HasSubstr("cgwarden_build_info{"));
    const auto compressed = connection.get("/metrics", accept + "Accept-Encoding: gzip\r\n");
    EXPECT_EQ(compressed.headers.at("content-encoding"), "gzip");
    EXPECT_TRUE(gunzip(compressed.body).starts_with(page));
    const auto head = connection.request("HEAD", "/metrics", accept);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.headers.at("content-type"), answer.headers.at("content-type"));
    EXPECT_GT(parse_integer<std::size_t>(head.headers.at("content-length")), page.size());
    EXPECT_EQ(connection.get("/healthz").status, 200);
  }
  EXPECT_THAT(client().get("/metrics/agent").body,
              HasSubstr("cgwarden_agent_scrape_duration_seconds_count 4\n"));
}

// For ThreadSanitizer: views change while several clients read; every page is one of them, whole.
TEST_F(Endpoint, PublishingWhileScraping) {
  publish();
  const std::string page = render_metrics(example_view(), Exposition::text_0_0_4);
  std::atomic<int> good = 0;
  std::atomic<bool> done = false;
  std::thread publisher([&] {
    while (!done) {
      publish();
      metrics_.tick(Usec{100}, 4, 0, 0);
    }
  });
  std::vector<std::thread> scrapers;
  for (int i = 0; i < 4; ++i) {
    scrapers.emplace_back([&] {
      auto connection = client();
      for (int n = 0; n < 25; ++n) {
        if (connection.get("/metrics").body.starts_with(page)) ++good;
      }
    });
  }
  for (auto& scraper : scrapers) scraper.join();
  done = true;
  publisher.join();
  EXPECT_EQ(good, 100);
}

}  // namespace
}  // namespace cgwarden::exporters
