#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "exporters/http_auth.h"
#include "exporters/http_tls.h"
#include "exporters/http_watch.h"
#include "exporters/published_view.h"
#include "exporters/rate_limiter.h"
#include "exporters/scrape_ledger.h"
#include "exporters/self_metrics.h"
#include "exporters/web_page_source.h"

namespace cgwarden::exporters {

// A WebSecurity ready for use.
struct Protection {
  std::shared_ptr<const TlsContext> tls;     // null: plain HTTP
  std::shared_ptr<Credentials> credentials;  // null: everybody
  std::shared_ptr<RateLimiter> rate;         // null: none
  std::vector<std::pair<std::string, std::string>> headers;
  bool clients_verified = false;  // no handshake without a certificate of the client CA
};

// What the servers of one endpoint share. Thread-safe.
class HttpState {
 public:
  HttpState(SelfMetrics& self, std::shared_ptr<const Protection> protection,
            std::shared_ptr<const WebPageSource> page_source,
            const HttpConnections::Limits& connections)
      : metrics(self),
        page(std::move(page_source)),
        watch(connections),
        protection_(std::move(protection)) {}

  [[nodiscard]] std::shared_ptr<const PublishedView> view() const {
    const std::lock_guard lock(mutex_);
    return view_;
  }
  void publish(std::shared_ptr<const PublishedView> view) {
    // The view before, which may be large, is freed by the argument, after the lock.
    const std::lock_guard lock(mutex_);
    view_.swap(view);
  }
  [[nodiscard]] std::shared_ptr<const Protection> protection() const {
    const std::lock_guard lock(mutex_);
    return protection_;
  }
  void protect(std::shared_ptr<const Protection> protection) {
    const std::lock_guard lock(mutex_);
    protection_.swap(protection);
  }

  SelfMetrics& metrics;
  const std::shared_ptr<const WebPageSource> page;  // null: no web page
  ScrapeLedger ledger;
  PasswordThread passwords;
  HttpWatch watch;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const PublishedView> view_;
  std::shared_ptr<const Protection> protection_;
};

}  // namespace cgwarden::exporters
