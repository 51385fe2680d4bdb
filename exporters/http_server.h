#pragma once

#include <memory>
#include <utility>

#include "base/result.h"
#include "exporters/http_state.h"
#include "exporters/listener.h"

struct MHD_Daemon;

namespace cgwarden::exporters {

// libmicrohttpd on one listening socket, with threads of its own.
class HttpServer {
 public:
  // Both must outlive it. The listener's socket is taken; its file stays the listener's. With `tls`
  // the connections are TLS, by the protection of `state` at their beginning.
  struct Parts {
    Listener* listener;
    HttpState* state;
    unsigned number = 0;  // among those of `state`
    bool tls = false;
    unsigned idle_seconds = 0;
  };
  struct Context {
    HttpState* state;
    unsigned number;
  };
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(const Parts& parts);
  // After `passwords` of the state has stopped.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

 private:
  HttpServer(MHD_Daemon* daemon, std::unique_ptr<Context> context)
      : daemon_(daemon), context_(std::move(context)) {}
  MHD_Daemon* daemon_;
  std::unique_ptr<Context> context_;
};

}  // namespace cgwarden::exporters
