// Clients that are many, slow, or scrape side by side.
#include <vector>

#include "endpoint_fixture.h"

#include "base/limits.h"

namespace cgwarden::exporters {
namespace {

TEST_F(Endpoint, IdleConnectionsDoNotBlockAnother) {
  publish();
  auto first = client();
  auto second = client();
  auto third = client();
  first.send("GET /metr");  // half a request
  EXPECT_EQ(third.get("/metrics").status, 200);
  first.send("ics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(first.read().status, 200);
}

TEST_F(Endpoint, OneAddressCannotTakeEveryConnection) {
  std::vector<HttpClient> held;
  for (unsigned i = 0; i < 40; ++i) held.push_back(client());
  unsigned answered = 0;
  for (auto& connection : held) {
    if (connection.get("/healthz").status == 200) ++answered;
  }
  EXPECT_GE(answered, 1U);
  EXPECT_LE(answered, 16U);
  held.clear();
  // The slots come back when the connections end.
  HttpAnswer answer;
  for (int attempt = 0; attempt < 1000 && answer.status != 200; ++attempt) {
    answer = client().get("/healthz");
  }
  EXPECT_EQ(answer.status, 200);
}

// Six addresses, each with all that one may have, and nobody finishes a header: who comes next is
// answered at once.
TEST_F(Endpoint, HalfRequestsOfManyAddressesShutNobodyOut) {
  publish();
  std::vector<HttpClient> held;
  for (unsigned i = 0; i < 96; ++i) {
    held.push_back(client(static_cast<std::uint8_t>(2 + (i % 6))));
    held.back().send("GET /healthz HTTP/1.1\r\nX");
  }
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(client().get("/healthz").status, 200);
    EXPECT_EQ(client().get("/metrics").status, 200);
  }
}

TEST_F(Endpoint, AClientThatLeavesInTheMiddleHurtsNobody) {
  std::vector<cgroup::Sample> samples;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    samples.push_back(full_sample("/many/" + std::to_string(i), i + 1));
  }
  endpoint_->publish(std::make_shared<const View>(view_of(std::move(samples))));
  for (int i = 0; i < 5; ++i) {
    auto connection = client();
    connection.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  // Only what came to its end is counted.
  const auto answer = client().get("/metrics");
  EXPECT_EQ(answer.status, 200);
  EXPECT_GT(answer.body.size(), 5U << 20U);
}

// Clients that do not read keep what they began to read in memory: not more than a few of them.
TEST_F(Endpoint, FewLargePagesAreSentAtATime) {
  publish_large_page();
  std::vector<HttpClient> held;
  for (unsigned i = 0; i < limits::kHttpStreams; ++i) {
    held.push_back(holder(static_cast<std::uint8_t>(10 + (i / limits::kHttpStreamsPerAddress))));
  }
  // One of those who hold several makes room for one who holds none.
  HttpClient reading = holder(1);
  EXPECT_EQ(client().get("/healthz").status, 200);
  EXPECT_EQ(client().request("HEAD", "/metrics").status, 200);
  EXPECT_EQ(reading.read().status, 200);
  std::size_t ended = 0;
  for (auto& connection : held) ended += connection.read().status == 200 ? 0 : 1;
  EXPECT_EQ(ended, 1U);
  held.clear();
  int status = 0;
  for (int attempt = 0; attempt < 1000 && status != 200; ++attempt) {
    status = client().get("/metrics").status;
  }
  EXPECT_EQ(status, 200);
}

TEST_F(Endpoint, WhenEachHoldsOneLargePageTheNextWaits) {
  publish_large_page();
  std::vector<HttpClient> held;
  for (unsigned i = 0; i < limits::kHttpStreams; ++i) {
    held.push_back(holder(static_cast<std::uint8_t>(10 + i)));
  }
  const auto refused = client().get("/metrics");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  held.clear();
  int status = 0;
  for (int attempt = 0; attempt < 1000 && status != 200; ++attempt) {
    status = client().get("/metrics").status;
  }
  EXPECT_EQ(status, 200);
}

TEST_F(Endpoint, WhoDoesNotReadMakesRoom) {
  auto started = start_at({"127.0.0.1:0"}, metrics_, {.connections = {.grace = Usec{0}}});
  ASSERT_TRUE(started);
  endpoint_ = *std::move(started);
  publish_large_page();
  std::vector<HttpClient> held;
  for (unsigned i = 0; i < limits::kHttpStreams; ++i) {
    held.push_back(holder(static_cast<std::uint8_t>(10 + i)));
  }
  EXPECT_EQ(client().get("/metrics").status, 200);
}

TEST_F(Endpoint, OneAddressCannotHoldAllLargePages) {
  publish_large_page();
  std::vector<HttpClient> held;
  for (unsigned i = 0; i < limits::kHttpStreamsPerAddress; ++i) held.push_back(holder(2));
  EXPECT_EQ(client(2).get("/metrics").status, 503);
  EXPECT_EQ(client(2).get("/metrics/agent").status, 200);
  EXPECT_EQ(client(1).get("/metrics").status, 200);
}

// --- what went is shown to each scraper in two of its scrapes

class GoneCgroups : public Endpoint {
 protected:
  // "/gone" went with snapshot 2.
  void publish_at(std::uint64_t sequence) {
    std::vector<cgroup::Sample> gone;
    std::vector<std::uint64_t> since;
    if (sequence >= 2) {
      gone.push_back(full_sample("/gone", 9));
      since.push_back(2);
    }
    View view;
    std::vector<cgroup::Sample> samples;
    samples.push_back(full_sample(sequence >= 2 ? "/stays" : "/gone", 9));
    view.snapshot = std::make_shared<const cgroup::Snapshot>(
        TimePoint{}, std::move(samples), 0, std::move(gone), sequence,
        std::vector<cgroup::Sample>{}, std::move(since));
    endpoint_->publish(std::make_shared<const View>(std::move(view)));
  }
  static bool shows(HttpClient& from, const char* path = "/metrics", const char* headers = "") {
    const auto answer = from.get(path, headers);
    EXPECT_EQ(answer.status, 200);
    return answer.body.find("\"/gone\"") != std::string::npos;
  }
};

TEST_F(GoneCgroups, TwoScrapesOfOneConnectionThenNoMore) {
  auto scraper = client();
  publish_at(1);
  EXPECT_TRUE(shows(scraper));
  for (std::uint64_t sequence = 2; sequence < 6; ++sequence) {
    publish_at(sequence);
    EXPECT_EQ(shows(scraper), sequence < 4) << sequence;
  }
}

TEST_F(GoneCgroups, APageThatSomebodyReadTwiceHoldsNothingUpOnAnother) {
  auto somebody = client(2);
  auto scraper = client(1);
  publish_at(1);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(shows(somebody, "/metrics/cadvisor"));
  EXPECT_TRUE(shows(scraper));
  for (std::uint64_t sequence = 2; sequence < 6; ++sequence) {
    publish_at(sequence);
    EXPECT_EQ(shows(scraper), sequence < 4) << sequence;
  }
  // Nor is what that one saw decided by the others.
  for (const bool shown : {true, true, false}) {
    EXPECT_EQ(shows(somebody, "/metrics/cadvisor"), shown);
    publish_at(7);
  }
}

// Behind one address: a fast loop takes nothing from a slow scraper.
TEST_F(GoneCgroups, AFastScraperDoesNotUseUpTheScrapesOfASlowOne) {
  auto slow = client();
  auto fast = client();
  publish_at(1);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(shows(slow));
  publish_at(2);
  for (std::uint64_t sequence = 2; sequence < 30; ++sequence) {
    publish_at(sequence);
    static_cast<void>(shows(fast));
    auto loop = client();
    static_cast<void>(shows(loop));  // each time another connection, with the same headers
  }
  EXPECT_FALSE(shows(fast));
  EXPECT_TRUE(shows(slow));
  publish_at(31);
  EXPECT_TRUE(shows(slow));
  publish_at(32);
  EXPECT_FALSE(shows(slow));
}

// A proxy sends the requests of several on one connection.
TEST_F(GoneCgroups, AProxysConnectionIsNoScraper) {
  auto proxy = client();
  constexpr const char* kFor = "X-Forwarded-For: 10.0.0.1\r\n";
  publish_at(1);
  EXPECT_TRUE(shows(proxy, "/metrics", kFor));
  for (std::uint64_t sequence = 2; sequence < 20; ++sequence) {
    publish_at(sequence);
    EXPECT_TRUE(shows(proxy, "/metrics", kFor)) << sequence;
  }
}

}  // namespace
}  // namespace cgwarden::exporters
