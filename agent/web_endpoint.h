#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/event_loop.h"
#include "agent/options.h"
#include "agent/web_security_file.h"
#include "base/result.h"
#include "exporters/http_endpoint.h"
#include "exporters/self_metrics.h"

namespace cgwarden::agent {

// The agent's HTTP endpoint: on the sockets that systemd made (sd_listen_fds(3)), else on those of
// the options; its web configuration is read again when it changes. On the loop thread.
class WebEndpoint {
 public:
  // Null without an address and without a socket.
  [[nodiscard]] static Result<std::unique_ptr<WebEndpoint>> open(
      const Options& options, EventLoop& loop, exporters::SelfMetrics& self_metrics);

  void publish(std::shared_ptr<const exporters::View> view) { endpoint_->publish(std::move(view)); }
  [[nodiscard]] std::uint64_t seen_by_all() const { return endpoint_->seen_by_all(); }
  // Where it listens, for the log.
  [[nodiscard]] const std::string& addresses() const { return addresses_; }

 private:
  explicit WebEndpoint(std::string web_config) : file_(std::move(web_config)) {}
  void look_for_changes();
  void log_notes() const;

  WebSecurityFile file_;
  std::string addresses_;
  std::unique_ptr<exporters::HttpEndpoint> endpoint_;
  EventLoop::Timer timer_;
};

}  // namespace cgwarden::agent
