#include "exporters/web_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "example_view.h"
#include "http_client.h"

#include "exporters/http_endpoint.h"
#include "exporters/web_page_files.h"
#include "exporters/web_page_rows.h"

namespace cgwarden::exporters {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

constexpr Usec kNow{1'700'000'000'000'000};
constexpr Usec kHour{3'600'000'000};

class FakeSource final : public WebPageSource {
 public:
  std::string node() const override { return "node-1"; }
  Result<std::vector<diagnosis::Verdict>> verdicts(Usec since, std::size_t most) const override {
    since_ = since;
    most_ = most;
    if (broken) return fail(Error{ErrorKind::malformed, 0, "read", "store.db", "damaged"});
    diagnosis::Verdict verdict;
    verdict.workload = "web";
    verdict.answer = "bad\x1b[31m bytes\xff";
    return std::vector{verdict};
  }
  Result<std::string> why(const std::string& name, bool with_last_words) const override {
    words_ = with_last_words;
    if (name == "web") return "the answer\n";
    return fail(Error{ErrorKind::vanished, 0, "find", name, "nothing is known of it"});
  }
  Result<WebPageHistory> history(const std::string& cgroup, Usec since) const override {
    since_ = since;
    if (cgroup != "/web") {
      return fail(Error{ErrorKind::vanished, 0, "read", cgroup, "nothing was recorded of it"});
    }
    return WebPageHistory{
        {1, 2}, {0.1234567, std::nullopt}, {0, 1}, {4096, 8192}, {std::nullopt, 1e6}};
  }
  bool broken = false;
  mutable bool words_ = false;
  mutable Usec since_{0};
  mutable std::size_t most_ = 0;
};

class WebPage : public ::testing::Test {
 protected:
  WebPageAnswer get(WebPageRequest request) {
    request.trusted = true;
    const View view = example_view();
    auto answer = web_page(request, &view, source_, kNow);
    EXPECT_TRUE(answer);
    return answer.value_or(WebPageAnswer{});
  }
  FakeSource source_;
};

TEST_F(WebPage, IsAtTheRootWithItsFiles) {
  const WebPageAnswer page = get({.path = "/"});
  EXPECT_EQ(page.status, 200U);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(page.body, HasSubstr("<title>cgwarden</title>"));
  EXPECT_EQ(get({.path = "/page.js"}).content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(get({.path = "/page.css"}).content_type, "text/css; charset=utf-8");
  for (const auto& file : web_page_files()) EXPECT_FALSE(file.text.empty()) << file.path;
}

TEST_F(WebPage, OtherPathsAreNotItsOwn) {
  EXPECT_FALSE(web_page({.path = "/metrics", .trusted = true}, nullptr, source_, kNow));
  EXPECT_FALSE(is_web_page_path("/page.j"));
  EXPECT_TRUE(is_web_page_path("/api/v1/nothing"));
  EXPECT_EQ(get({.path = "/api/v1/nothing"}).status, 404U);
}

TEST_F(WebPage, IsForClientsThatAreTrusted) {
  for (const char* path : {"/", "/page.js", "/api/v1/why", "/api/v1/cgroups"}) {
    const auto answer = web_page({.path = path, .name = "web"}, nullptr, source_, kNow);
    ASSERT_TRUE(answer) << path;
    EXPECT_EQ(answer->status, 403U) << path;
    EXPECT_THAT(answer->body, HasSubstr("basic_auth_users"));
  }
}

// A page of another site whose name was made to mean this machine (DNS rebinding).
TEST_F(WebPage, IsForAddressesAndTheNamesOfThisMachine) {
  for (const char* host :
       {"localhost:9753", "127.0.0.1:9753", "[::1]:9753", "node-1", "node-1:80", ""}) {
    EXPECT_EQ(get({.path = "/", .host = host}).status, 200U) << host;
  }
  for (const char* host :
       {"evil.example", "evil.example:9753", "127.0.0.1.evil.example", "node-1.evil"}) {
    EXPECT_EQ(get({.path = "/", .host = host}).status, 403U) << host;
  }
}

TEST_F(WebPage, RowsHaveWhatTheKernelSaid) {
  const Json rows = Json::parse(get({.path = "/api/v1/cgroups"}).body);
  EXPECT_EQ(rows["node"], "node-1");
  EXPECT_EQ(rows["cgroups"], 4);
  ASSERT_EQ(rows["rows"].size(), 1U);
  const Json& row = rows["rows"][0];
  EXPECT_EQ(row["name"], "leaker");
  EXPECT_EQ(row["kind"], "workload");
  EXPECT_EQ(row["id"], "4711");
  EXPECT_EQ(row["cpu"]["usage_usec"], 846811127);
  EXPECT_EQ(row["cpu"]["max"]["quota_usec"], 150000);
  EXPECT_EQ(row["memory"]["limit"]["bytes"], 67108864);
  EXPECT_EQ(row["memory"]["limit"]["cgroup"], "/cgwarden.slice/leaker.scope/payload");
  EXPECT_EQ(row["pids"]["max"], 64);
  EXPECT_EQ(row["frozen"], false);
}

TEST_F(WebPage, WhatTheKernelDidNotSayIsLeftOut) {
  View view = view_of({bare_sample("/system.slice/a.service", 2)});
  identify(view);
  const Json row = Json::parse(web_page_rows(view, "n"))["rows"][0];
  EXPECT_EQ(row["kind"], "service");
  EXPECT_TRUE(row["cpu"].empty());
  EXPECT_TRUE(row["memory"].empty());
  EXPECT_FALSE(row.contains("frozen"));
}

TEST_F(WebPage, TheSmallestLimitOfTheAncestorsBinds) {
  auto slice = bare_sample("/system.slice", 2);
  slice.memory_max = Bytes{1000};
  auto service = bare_sample("/system.slice/a.service", 3);
  service.memory_max = Bytes{2000};
  View view = view_of({bare_sample("/", 1), slice, service});
  identify(view);
  const Json row = Json::parse(web_page_rows(view, "n"))["rows"][0];
  EXPECT_EQ(row["memory"]["limit"]["bytes"], 1000);
  EXPECT_EQ(row["memory"]["limit"]["cgroup"], "/system.slice");
  EXPECT_EQ(row["memory"]["max"], 2000);
}

TEST_F(WebPage, RowsAreBoundedAndTheLargestStay) {
  std::vector<cgroup::Sample> samples;
  for (std::uint64_t i = 0; i < limits::kWebPageRows + 10; ++i) {
    samples.push_back(bare_sample("/system.slice/s" + std::to_string(i) + ".service", i + 2));
    samples.back().memory_current = Bytes{i};
  }
  View view = view_of(std::move(samples));
  identify(view);
  const Json rows = Json::parse(web_page_rows(view, "n"));
  EXPECT_EQ(rows["rows"].size(), limits::kWebPageRows);
  EXPECT_EQ(rows["of"], limits::kWebPageRows + 10);
  EXPECT_EQ(rows["rows"][0]["memory"]["current"], limits::kWebPageRows + 9);
}

TEST_F(WebPage, BeforeTheFirstSampleThereAreNoRows) {
  const auto answer =
      web_page({.path = "/api/v1/cgroups", .trusted = true}, nullptr, source_, kNow);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503U);
}

TEST_F(WebPage, VerdictsAreThoseOfTheHoursAskedFor) {
  const WebPageAnswer answer = get({.path = "/api/v1/verdicts", .hours = "3"});
  EXPECT_EQ(source_.since_, kNow - 3 * kHour);
  EXPECT_EQ(source_.most_, limits::kWebPageVerdicts);
  const Json verdict = Json::parse(answer.body)["verdicts"][0];
  EXPECT_EQ(verdict["name"], "web");
  EXPECT_EQ(verdict["answer"], "bad\\x1b[31m bytes\\xff");
  get({.path = "/api/v1/verdicts"});
  EXPECT_EQ(source_.since_, kNow - 24 * kHour);
  for (const char* hours : {"0", "-1", "169", "1.5", "x", "99999999999999999999"}) {
    EXPECT_EQ(get({.path = "/api/v1/verdicts", .hours = hours}).status, 400U) << hours;
  }
}

TEST_F(WebPage, AStoreThatCannotBeReadIsSaid) {
  source_.broken = true;
  const WebPageAnswer answer = get({.path = "/api/v1/verdicts"});
  EXPECT_EQ(answer.status, 500U);
  EXPECT_THAT(answer.body, HasSubstr("store.db"));
}

TEST_F(WebPage, WhyIsTheTextOfTheCommand) {
  EXPECT_EQ(get({.path = "/api/v1/why", .name = "web"}).body, "the answer\n");
  EXPECT_FALSE(source_.words_) << "every local user could ask";
  get({.path = "/api/v1/why", .name = "web", .authenticated = true});
  EXPECT_TRUE(source_.words_);
  EXPECT_EQ(get({.path = "/", .host = "node-1.example.com", .authenticated = true}).status, 200U);
  EXPECT_EQ(get({.path = "/api/v1/why", .name = "nobody"}).status, 404U);
  EXPECT_EQ(get({.path = "/api/v1/why"}).status, 400U);
}

TEST_F(WebPage, HistoryHasNullWhereNothingWasRecorded) {
  const Json history =
      Json::parse(get({.path = "/api/v1/history", .cgroup = "/web", .hours = "1"}).body);
  EXPECT_EQ(source_.since_, kNow - kHour);
  EXPECT_EQ(history["cpu_cores"], (Json{0.123457, nullptr}));
  EXPECT_EQ(history["memory_max_bytes"], (Json{nullptr, 1e6}));
  EXPECT_EQ(get({.path = "/api/v1/history", .cgroup = "/other"}).status, 404U);
  EXPECT_EQ(get({.path = "/api/v1/history"}).status, 400U);
}

// Over a real socket: a client of this machine, query arguments, headers.
TEST(WebPageEndpoint, IsServedWithAPolicyThatForbidsOtherSites) {
  SelfMetrics metrics;
  HttpEndpoint::Options options;
  options.page = std::make_shared<const FakeSource>();
  auto listeners = Listener::open_all({"127.0.0.1:0"});
  ASSERT_TRUE(listeners);
  const auto endpoint = HttpEndpoint::start(*std::move(listeners), metrics, options);
  ASSERT_TRUE(endpoint);
  HttpClient client = HttpClient::ipv4((*endpoint)->port());
  const HttpAnswer page = client.get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.headers.at("content-security-policy"), HasSubstr("default-src 'none'"));
  EXPECT_EQ(page.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(client.get("/api/v1/why?name=web").body, "the answer\n");
  EXPECT_EQ(client.request("POST", "/").status, 405);
  EXPECT_TRUE(client.request("HEAD", "/page.js").body.empty());
}

TEST(WebPageEndpoint, WithoutASourceThereIsNoPage) {
  SelfMetrics metrics;
  auto listeners = Listener::open_all({"127.0.0.1:0"});
  ASSERT_TRUE(listeners);
  const auto endpoint = HttpEndpoint::start(*std::move(listeners), metrics, {});
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(HttpClient::ipv4((*endpoint)->port()).get("/").status, 404);
}

}  // namespace
}  // namespace cgwarden::exporters
