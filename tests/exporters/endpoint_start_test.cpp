// Where the endpoint listens, and how it begins and ends.
#include <sys/socket.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "endpoint_fixture.h"

namespace cgwarden::exporters {
namespace {

using testing::HasSubstr;

TEST(EndpointStart, Ipv6) {
  SelfMetrics metrics;
  const auto endpoint = start_at({"[::1]:0"}, metrics);
  ASSERT_TRUE(endpoint) << endpoint.error().sentence();
  EXPECT_EQ(HttpClient::ipv6((*endpoint)->port()).get("/healthz").status, 200);
}

TEST(EndpointStart, AllAddresses) {
  SelfMetrics metrics;
  const auto endpoint = start_at({":0"}, metrics);
  ASSERT_TRUE(endpoint) << endpoint.error().sentence();
  EXPECT_EQ(HttpClient::ipv4((*endpoint)->port()).get("/healthz").status, 200);
  EXPECT_EQ(HttpClient::ipv6((*endpoint)->port()).get("/healthz").status, 200);
}

TEST(EndpointStart, UnixSocket) {
  SelfMetrics metrics;
  std::string directory = (std::filesystem::temp_directory_path() / "cgwarden-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/metrics.sock";
  {
    const auto endpoint = start_at({"unix:" + path}, metrics);
    ASSERT_TRUE(endpoint) << endpoint.error().sentence();
    EXPECT_EQ((*endpoint)->port(), 0);
    (*endpoint)->publish(std::make_shared<const View>(example_view()));
    EXPECT_EQ(HttpClient::local(path).get("/metrics").status, 200);

    const auto second = start_at({"unix:" + path}, metrics);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::busy);
    EXPECT_EQ(HttpClient::local(path).get("/healthz").status, 200);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  std::filesystem::remove_all(directory);
}

TEST(EndpointStart, SeveralAddresses) {
  SelfMetrics metrics;
  const auto endpoint = start_at({"127.0.0.1:0", "[::1]:0"}, metrics);
  ASSERT_TRUE(endpoint) << endpoint.error().sentence();
  (*endpoint)->publish(std::make_shared<const View>(example_view()));
  EXPECT_EQ(HttpClient::ipv4((*endpoint)->port(0)).get("/metrics").status, 200);
  EXPECT_EQ(HttpClient::ipv6((*endpoint)->port(1)).get("/metrics").status, 200);
}

// systemd holds the same socket for the next agent.
TEST(EndpointStart, TheSocketOfSomebodyElseListensOn) {
  SelfMetrics metrics;
  auto own = Listener::open_all({"127.0.0.1:0"});
  ASSERT_TRUE(own);
  const std::uint16_t port = own->front().port();
  const UniqueFd held(own->front().release_socket());
  for (int agent = 0; agent < 3; ++agent) {
    auto adopted = Listener::adopt(UniqueFd(::dup(held.get())), "socket 3");
    ASSERT_TRUE(adopted) << adopted.error().sentence();
    std::vector<Listener> listeners;
    listeners.push_back(*std::move(adopted));
    auto waiting = HttpClient::ipv4(port);  // before the agent is there
    const auto endpoint = HttpEndpoint::start(std::move(listeners), metrics, {});
    ASSERT_TRUE(endpoint) << endpoint.error().sentence();
    EXPECT_EQ(waiting.get("/healthz").status, 200);
  }
}

TEST(EndpointStart, AnIdleConnectionIsClosed) {
  SelfMetrics metrics;
  const auto endpoint = start_at({"127.0.0.1:0"}, metrics, {.idle_seconds = 1});
  ASSERT_TRUE(endpoint);
  auto client = HttpClient::ipv4((*endpoint)->port());
  client.send("GET /metr");
  EXPECT_TRUE(client.closed());
}

// A byte now and then does not keep a connection.
TEST(EndpointStart, AHeaderThatNeverEndsIsCutOff) {
  SelfMetrics metrics;
  const auto endpoint =
      start_at({"127.0.0.1:0"}, metrics, {.connections = {.header = Usec{500'000}}});
  ASSERT_TRUE(endpoint);
  auto client = HttpClient::ipv4((*endpoint)->port());
  client.send("GET /healthz HTTP/1.1\r\nHost: x\r\nX: ");
  std::atomic<bool> done = false;
  std::thread dripping([&] {
    while (!done) {
      client.send("x");
      std::this_thread::yield();
    }
  });
  EXPECT_TRUE(client.ends());
  done = true;
  dripping.join();
  EXPECT_EQ(HttpClient::ipv4((*endpoint)->port()).get("/healthz").status, 200);
}

TEST(EndpointStart, AnAddressInUseIsBusyAndNamed) {
  SelfMetrics metrics;
  const auto first = start_at({"127.0.0.1:0"}, metrics);
  ASSERT_TRUE(first);
  const std::string address = "127.0.0.1:" + std::to_string((*first)->port());
  const auto second = start_at({address}, metrics);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::busy);
  EXPECT_THAT(second.error().sentence(), HasSubstr(address));
}

TEST(EndpointStart, AMalformedAddressIsInvalid) {
  SelfMetrics metrics;
  const auto endpoint = start_at({"localhost:80"}, metrics);
  ASSERT_FALSE(endpoint);
  EXPECT_EQ(endpoint.error().kind, ErrorKind::invalid);
}

// The agent blocks the signals it takes by signalfd; the endpoint's threads must not take them.
TEST(EndpointStart, ThreadsTakeNoSignals) {
  SelfMetrics metrics;
  const auto endpoint = start_at({"127.0.0.1:0"}, metrics);
  ASSERT_TRUE(endpoint);
  std::size_t threads = 0;
  const auto self = std::to_string(::getpid());
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (task.path().filename() == self) continue;
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with("SigBlk:")) continue;
      ++threads;
      const auto blocked = std::stoull(line.substr(7), nullptr, 16);
      EXPECT_NE(blocked & (1ULL << (SIGTERM - 1)), 0U) << task.path() << " " << line;
    }
  }
  EXPECT_GE(threads, 2U);
}

}  // namespace
}  // namespace cgwarden::exporters
