#pragma once

#include <gmock/gmock.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "example_view.h"
#include "http_client.h"

#include "exporters/http_endpoint.h"

namespace cgwarden::exporters {

inline Result<std::unique_ptr<HttpEndpoint>> start_at(const std::vector<std::string>& addresses,
                                                      SelfMetrics& metrics,
                                                      const HttpEndpoint::Options& options = {}) {
  CGW_ASSIGN(auto listeners, Listener::open_all(addresses));
  return HttpEndpoint::start(std::move(listeners), metrics, options);
}

class Endpoint : public testing::Test {
 protected:
  // On a slow machine nobody is slow.
  static HttpEndpoint::Options patient() {
    constexpr Usec kHour{3'600'000'000};
    return {.connections = {.header = kHour, .answer = kHour, .stream = kHour, .grace = kHour}};
  }
  Endpoint() {
    auto started = start_at({"127.0.0.1:0"}, metrics_, patient());
    if (started) endpoint_ = *std::move(started);
  }
  void SetUp() override { ASSERT_NE(endpoint_, nullptr); }
  void publish() { endpoint_->publish(std::make_shared<const View>(example_view())); }
  HttpClient client(std::uint8_t host = 1) { return HttpClient::ipv4(endpoint_->port(), host); }
  void publish_large_page() {
    std::vector<cgroup::Sample> samples;
    for (std::uint64_t i = 0; i < 6000; ++i) {
      samples.push_back(full_sample("/many/" + std::to_string(i), i + 1));
    }
    endpoint_->publish(std::make_shared<const View>(view_of(std::move(samples))));
  }
  // One that does not read the large page it asked for.
  HttpClient holder(std::uint8_t host) {
    HttpClient holding = client(host);
    holding.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(holding.has_answer());
    return holding;
  }

  SelfMetrics metrics_;
  std::unique_ptr<HttpEndpoint> endpoint_;
};

}  // namespace cgwarden::exporters
