#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "exporters/self_metrics.h"
#include "exporters/view.h"

namespace cgwarden::exporters {

// The HTTP endpoint of the agent: GET and HEAD of /metrics, /healthz and /readyz; everything else
// is 404, other methods 405. gzip level 1 when accepted (q=0 respected), keep-alive, connection and
// time limits (constants in limits.h). Scrapes read the published View and never the kernel. Own
// threads; publish() may be called from any thread.
class HttpEndpoint {
 public:
  // `address`: "127.0.0.1:9753", "[::1]:9753", ":9753" (all addresses) or "unix:/path". Port 0
  // picks a free one. invalid: malformed address; busy: in use (the sentence names the port).
  [[nodiscard]] static Result<std::unique_ptr<HttpEndpoint>> start(const std::string& address,
                                                                   SelfMetrics& self_metrics);
  ~HttpEndpoint();
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  // Until the first publish, /metrics and /readyz answer 503.
  void publish(std::shared_ptr<const View> view);
  // ScrapeLedger::seen_twice of the snapshots published here.
  [[nodiscard]] std::uint64_t seen_twice() const;
  // The port really bound; 0 for a unix socket.
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct Impl;
  explicit HttpEndpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cgwarden::exporters
