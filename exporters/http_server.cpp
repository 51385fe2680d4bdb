#include "exporters/http_server.h"

#include <microhttpd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "exporters/http_peer.h"
#include "exporters/http_reply.h"
#include "exporters/http_target.h"
#include "exporters/signals_blocked.h"

namespace cgwarden::exporters {
namespace {

Usec steady_time() {
  return std::chrono::duration_cast<Usec>(std::chrono::steady_clock::now().time_since_epoch());
}

enum class Access { unknown, allowed, refused };

// From the headers of a request to the end of its answer.
struct Request {
  std::shared_ptr<const Protection> protection;
  std::atomic<Access> access = Access::unknown;
  bool too_many = false;  // over the rate limit
};

// While its password is verified the connection is suspended; then the library calls handle again.
void verify(HttpState& state, MHD_Connection* connection, Request& request, BasicUser user) {
  if (const HttpPeer* peer = peer_of(connection)) state.watch.verifying(peer->id);
  ::MHD_suspend_connection(connection);
  const bool added = state.passwords.add({.credentials = request.protection->credentials,
                                          .user = std::move(user.name),
                                          .password = std::move(user.password),
                                          .done = [&request, connection](bool match) {
                                            request.access =
                                                match ? Access::allowed : Access::refused;
                                            ::MHD_resume_connection(connection);
                                          }});
  if (!added) ::MHD_resume_connection(connection);  // the endpoint is ending
}

MHD_Result answer(HttpState& state, MHD_Connection* connection, Request& request,
                  std::string_view path, std::string_view method) {
  const HttpReply answer(state, *request.protection, connection);
  const auto result = [](bool queued) { return queued ? MHD_YES : MHD_NO; };
  if (request.too_many) return result(answer.too_many());
  Credentials* credentials = request.protection->credentials.get();
  // One with a body is refused whoever sends it.
  if (credentials == nullptr || answer.has_body()) return result(answer.by(path, method));
  if (request.access == Access::unknown) {
    auto user = answer.user();
    if (!user) return result(answer.unauthorized());
    const auto known = credentials->known(user->name, user->password);
    if (!known) {
      verify(state, connection, request, *std::move(user));
      return MHD_YES;
    }
    request.access = *known ? Access::allowed : Access::refused;
  }
  return result(request.access == Access::allowed ? answer.by(path, method)
                                                  : answer.unauthorized());
}

MHD_Result handle(void* context, MHD_Connection* connection, const char* url, const char* method,
                  const char* /*version*/, const char* /*upload*/, std::size_t* /*upload_size*/,
                  void** state) {
  HttpState& shared = *static_cast<HttpServer::Context*>(context)->state;
  try {
    if (const HttpPeer* peer = peer_of(connection)) shared.watch.asked(peer->id);
    // The library calls once after the headers and again after the body. A request with a body is
    // answered at the first call, which makes the library close the connection unread.
    if (*state == nullptr) {
      auto request = std::make_unique<Request>();
      request->protection = shared.protection();
      RateLimiter* rate = request->protection->rate.get();
      request->too_many = rate != nullptr && !rate->take(steady_time());
      const HttpReply looking(shared, *request->protection, connection);
      const bool has_body = looking.has_body();
      *state = request.release();
      if (!has_body) return MHD_YES;
    }
    return answer(shared, connection, *static_cast<Request*>(*state), url, method);
  } catch (const std::exception&) {  // out of memory: no exception may enter C code
    return MHD_NO;
  }
}

void completed(void* context, MHD_Connection* connection, void** state,
               MHD_RequestTerminationCode /*how*/) {
  HttpState& shared = *static_cast<HttpServer::Context*>(context)->state;
  if (const HttpPeer* peer = peer_of(connection)) shared.watch.answered(peer->id);
  delete static_cast<Request*>(*state);
  *state = nullptr;
}

// nullptr: it cannot be served.
std::unique_ptr<HttpPeer> new_peer(HttpState& state, unsigned server, MHD_Connection* connection) {
  const auto* socket = ::MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (socket == nullptr) return nullptr;
  auto peer = std::make_unique<HttpPeer>();
  const auto* info = ::MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  if (info != nullptr && info->tls_session != nullptr) {
    // The certificates of now; it keeps them.
    peer->tls = state.protection()->tls;
    if (peer->tls == nullptr || !peer->tls->apply(info->tls_session)) return nullptr;
  }
  peer->client = client_of(address_of(connection));
  peer->id = state.watch.begin(socket->connect_fd, server, peer->client);
  return peer;
}

// Without a peer there is no answer, and over TLS no handshake: the daemon has no certificate of
// its own.
void connection_changed(void* context, MHD_Connection* connection, void** own,
                        MHD_ConnectionNotificationCode code) {
  const auto& server = *static_cast<HttpServer::Context*>(context);
  try {
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
      *own = new_peer(*server.state, server.number, connection).release();
      return;
    }
    const std::unique_ptr<HttpPeer> peer(static_cast<HttpPeer*>(std::exchange(*own, nullptr)));
    if (peer == nullptr) return;
    server.state->watch.end(peer->id);  // before the library closes the socket
    for (std::size_t page = 0; page < peer->scrapes.size(); ++page) {
      server.state->ledger.left(scraper_by_connection(*peer, page));
    }
  } catch (const std::exception&) {  // out of memory: no exception may enter C code
  }
}

std::size_t unescape(void* /*context*/, MHD_Connection* /*connection*/, char* text) {
  return percent_decode(text);
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(const Parts& parts) {
  const SignalsBlocked blocked;
  unsigned flags = static_cast<unsigned>(MHD_USE_INTERNAL_POLLING_THREAD) | MHD_USE_POLL |
                   MHD_ALLOW_SUSPEND_RESUME;
  if (parts.tls) flags |= MHD_USE_TLS;
  const MHD_OptionItem tls[] = {
      {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, reinterpret_cast<void*>(no_certificate())},
      {MHD_OPTION_END, 0, nullptr}};
  const MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, nullptr}};
  auto context = std::make_unique<Context>(Context{parts.state, parts.number});
  // The library owns the socket from here on.
  MHD_Daemon* daemon = ::MHD_start_daemon(
      flags, 0, nullptr, nullptr, &handle, context.get(), MHD_OPTION_LISTEN_SOCKET,
      parts.listener->release_socket(), MHD_OPTION_THREAD_POOL_SIZE, limits::kHttpThreads,
      MHD_OPTION_CONNECTION_LIMIT, limits::kHttpConnections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
      limits::kHttpConnectionsPerAddress, MHD_OPTION_CONNECTION_TIMEOUT, parts.idle_seconds,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, limits::kHttpRequestBytes, MHD_OPTION_STRICT_FOR_CLIENT,
      1, MHD_OPTION_NOTIFY_COMPLETED, &completed, context.get(), MHD_OPTION_NOTIFY_CONNECTION,
      &connection_changed, context.get(), MHD_OPTION_UNESCAPE_CALLBACK, &unescape, nullptr,
      MHD_OPTION_ARRAY, parts.tls ? tls : plain, MHD_OPTION_END);
  if (daemon == nullptr) {
    return fail(Error::from_errno(errno, "serve HTTP on", parts.listener->name()));
  }
  return std::unique_ptr<HttpServer>(new HttpServer(daemon, std::move(context)));
}

HttpServer::~HttpServer() {
  // Taken back first: the library would shut it down, for systemd too, which may hold it for the
  // next agent.
  const UniqueFd socket(::MHD_quiesce_daemon(daemon_));
  ::MHD_stop_daemon(daemon_);
}

}  // namespace cgwarden::exporters
