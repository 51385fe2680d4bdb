#include "agent/web_endpoint.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <cstdlib>
#include <utility>

#include "agent/web_page_data.h"
#include "base/log.h"

namespace cgwarden::agent {
namespace {

// A few stat(2) calls; certificates are renewed days before they end.
constexpr Usec kFilesInterval{5'000'000};

Result<std::vector<exporters::Listener>> sockets_of_systemd() {
  // Out of the environment: workloads must not take them for theirs.
  const int count = ::sd_listen_fds(/*unset_environment=*/1);
  if (count < 0) return fail(Error::from_errno(-count, "take the sockets of", "systemd"));
  std::vector<exporters::Listener> listeners;
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    CGW_ASSIGN(exporters::Listener listener,
               exporters::Listener::adopt(UniqueFd(fd), fmt::format("socket {} of systemd", fd)));
    listeners.push_back(std::move(listener));
  }
  return listeners;
}

}  // namespace

Result<std::unique_ptr<WebEndpoint>> WebEndpoint::open(const Options& options, EventLoop& loop,
                                                       exporters::SelfMetrics& self_metrics) {
  CGW_ASSIGN(auto listeners, sockets_of_systemd());
  if (listeners.empty()) {
    CGW_ASSIGN(listeners, exporters::Listener::open_all(options.listen));
  }
  if (listeners.empty()) return nullptr;
  std::unique_ptr<WebEndpoint> endpoint(new WebEndpoint(options.web_config));
  for (const auto& listener : listeners) {
    endpoint->addresses_ += (endpoint->addresses_.empty() ? "" : " ") + listener.name();
  }
  exporters::HttpEndpoint::Options http;
  CGW_ASSIGN(http.security, endpoint->file_.load());
  if (options.web_page) http.page = std::make_shared<const WebPageData>(options);
  CGW_ASSIGN(endpoint->endpoint_,
             exporters::HttpEndpoint::start(std::move(listeners), self_metrics, http));
  if (!options.web_config.empty()) {
    endpoint->log_notes();
    CGW_ASSIGN(endpoint->timer_, loop.timer(kFilesInterval, kFilesInterval,
                                            [raw = endpoint.get()] { raw->look_for_changes(); }));
  }
  return endpoint;
}

void WebEndpoint::log_notes() const {
  for (const std::string& note : file_.notes()) log::info("web_config_note", {{"note", note}});
}

void WebEndpoint::look_for_changes() {
  if (!file_.changed()) return;
  const auto security = file_.load();
  const Status done = security ? endpoint_->protect(*security) : Status(fail(security.error()));
  if (done) {
    log::info("web_config_loaded", {{"users", std::to_string(security->users.size())},
                                    {"tls", security->tls ? "yes" : "no"}});
    log_notes();
    return;
  }
  log::error("web_config_refused",
             {{"error", done.error().sentence()}, {"effect", "the old one stays in force"}});
}

}  // namespace cgwarden::agent
