#include "exporters/http_endpoint.h"

#include <chrono>
#include <utility>

#include "exporters/http_server.h"
#include "exporters/http_state.h"

namespace cgwarden::exporters {
namespace {

Result<std::shared_ptr<const Protection>> protection_of(const WebSecurity& security) {
  auto protection = std::make_shared<Protection>();
  if (security.tls) {
    CGW_ASSIGN(protection->tls, TlsContext::create(*security.tls));
    protection->clients_verified = security.tls->client_auth == ClientAuth::require_and_verify;
  }
  if (!security.users.empty()) {
    protection->credentials = std::make_shared<Credentials>(security.users);
  }
  if (security.rate_limit) {
    protection->rate =
        std::make_shared<RateLimiter>(security.rate_limit->interval, security.rate_limit->burst);
  }
  protection->headers = security.headers;
  return protection;
}

HttpConnections::Limits limits_of(const HttpEndpoint::Options& options) {
  HttpConnections::Limits limits = options.connections;
  limits.idle = Usec{std::uint64_t{options.idle_seconds} * 1'000'000};
  return limits;
}

}  // namespace

struct HttpEndpoint::Impl {
  Impl(std::vector<Listener> listening, SelfMetrics& self, std::shared_ptr<const Protection> first,
       const Options& options)
      : listeners(std::move(listening)),
        state(self, std::move(first), options.page, limits_of(options)) {}
  // No connection may wait for a password when its server ends.
  ~Impl() { state.passwords.stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::vector<Listener> listeners;
  HttpState state;
  std::vector<std::unique_ptr<HttpServer>> servers;
};

Result<std::unique_ptr<HttpEndpoint>> HttpEndpoint::start(std::vector<Listener> listeners,
                                                          SelfMetrics& self_metrics,
                                                          const Options& options) {
  CGW_ASSIGN(auto protection, protection_of(options.security));
  auto impl =
      std::make_unique<Impl>(std::move(listeners), self_metrics, std::move(protection), options);
  unsigned number = 0;
  for (Listener& listener : impl->listeners) {
    CGW_ASSIGN(auto server, HttpServer::start({.listener = &listener,
                                               .state = &impl->state,
                                               .number = number++,
                                               .tls = options.security.tls.has_value(),
                                               .idle_seconds = options.idle_seconds}));
    impl->servers.push_back(std::move(server));
  }
  return std::unique_ptr<HttpEndpoint>(new HttpEndpoint(std::move(impl)));
}

HttpEndpoint::HttpEndpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpEndpoint::~HttpEndpoint() = default;

void HttpEndpoint::publish(std::shared_ptr<const View> view) {
  impl_->state.publish(std::make_shared<const PublishedView>(std::move(view)));
}

Status HttpEndpoint::protect(const WebSecurity& security) {
  CGW_ASSIGN(auto protection, protection_of(security));
  if ((protection->tls == nullptr) != (impl_->state.protection()->tls == nullptr)) {
    return fail(Error::invalid("switch TLS on or off", "", "restart the agent for that"));
  }
  impl_->state.protect(std::move(protection));
  return {};
}

std::uint64_t HttpEndpoint::seen_by_all() const {
  return impl_->state.ledger.seen_by_all(
      std::chrono::duration_cast<Usec>(std::chrono::steady_clock::now().time_since_epoch()));
}

std::uint16_t HttpEndpoint::port(std::size_t listener) const {
  return impl_->listeners.at(listener).port();
}

}  // namespace cgwarden::exporters
