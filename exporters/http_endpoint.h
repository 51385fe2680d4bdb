#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "exporters/http_connections.h"
#include "exporters/listener.h"
#include "exporters/self_metrics.h"
#include "exporters/view.h"
#include "exporters/web_page_source.h"
#include "exporters/web_security.h"

namespace cgwarden::exporters {

// The HTTP endpoint of the agent on one or more sockets: GET and HEAD of /metrics, /metrics/agent,
// /metrics/cadvisor, /healthz, /readyz and the web page; everything else is 404, other methods 405.
// gzip level 1 when accepted (q=0 respected), keep-alive, connection and time limits (constants in
// limits.h) for each socket. A page over limits::kHttpWholeBytes is written while it is sent.
// Scrapes read the published View and never the kernel. Own threads; publish() and protect() may be
// called from any thread.
class HttpEndpoint {
 public:
  struct Options {
    WebSecurity security = {};
    unsigned idle_seconds = limits::kHttpIdleSeconds;
    HttpConnections::Limits connections = {};  // but `idle`
    // What the web page at / shows beside the View; null: there is no page.
    std::shared_ptr<const WebPageSource> page = nullptr;
  };
  // invalid: certificates that cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<HttpEndpoint>> start(std::vector<Listener> listeners,
                                                                   SelfMetrics& self_metrics,
                                                                   const Options& options);
  ~HttpEndpoint();
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  // Until the first publish, /metrics and /readyz answer 503.
  void publish(std::shared_ptr<const View> view);
  // ScrapeLedger::seen_by_all of the snapshots published here.
  [[nodiscard]] std::uint64_t seen_by_all() const;
  // For the connections and requests from now on. invalid: certificates that cannot be used, or TLS
  // is to be switched on or off, which needs a restart; then nothing changes.
  [[nodiscard]] Status protect(const WebSecurity& security);
  // The port really bound; 0 for a unix socket.
  [[nodiscard]] std::uint16_t port(std::size_t listener = 0) const;

 private:
  struct Impl;
  explicit HttpEndpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cgwarden::exporters
