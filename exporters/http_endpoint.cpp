#include "exporters/http_endpoint.h"

#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <exception>
#include <mutex>
#include <string_view>

#include "base/limits.h"
#include "exporters/content_negotiation.h"
#include "exporters/gzip.h"
#include "exporters/listen_address.h"
#include "exporters/published_page.h"
#include "exporters/scrape_ledger.h"

namespace cgwarden::exporters {
namespace {

constexpr std::string_view kEof = "# EOF\n";
constexpr const char* kPlain = "text/plain; charset=utf-8";

struct ResponseDestroy {
  void operator()(MHD_Response* response) const { ::MHD_destroy_response(response); }
};
using Response = std::unique_ptr<MHD_Response, ResponseDestroy>;

// What a response sends; libmicrohttpd frees it after the last byte or when the client is gone.
struct Body {
  std::shared_ptr<const PublishedPage> page;
  std::string own;
  std::string compressed;
};

void free_body(void* body) { delete static_cast<Body*>(body); }

Response response_from(std::unique_ptr<Body> body, std::initializer_list<std::string_view> pieces) {
  std::array<MHD_IoVec, 3> vectors{};
  unsigned count = 0;
  for (const std::string_view piece : pieces) {
    if (!piece.empty()) vectors.at(count++) = {piece.data(), piece.size()};
  }
  Response response(::MHD_create_response_from_iovec(vectors.data(), count, free_body, body.get()));
  if (response) static_cast<void>(body.release());
  return response;
}

// `text` must be a constant.
Response response_from(std::string_view text) {
  return Response(::MHD_create_response_from_buffer(text.size(), const_cast<char*>(text.data()),
                                                    MHD_RESPMEM_PERSISTENT));
}

// All fields of that name joined by commas, as RFC 9110 section 5.2 reads them.
std::string header(MHD_Connection* connection, std::string_view name) {
  struct Search {
    std::string_view name;
    std::string joined;
  } search{name, {}};
  ::MHD_get_connection_values_n(
      connection, MHD_HEADER_KIND,
      [](void* context, MHD_ValueKind, const char* key, std::size_t key_size, const char* value,
         std::size_t value_size) {
        auto& wanted = *static_cast<Search*>(context);
        const std::string_view found(key, key_size);
        const bool same =
            std::equal(found.begin(), found.end(), wanted.name.begin(), wanted.name.end(),
                       [](char a, char b) { return (a | 0x20) == (b | 0x20); });
        if (same) {
          if (!wanted.joined.empty()) wanted.joined += ',';
          if (value != nullptr) wanted.joined.append(value, value_size);
        }
        return MHD_YES;
      },
      &search);
  return std::move(search.joined);
}

bool has_body(MHD_Connection* connection) {
  const std::string length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
  return length.find_first_not_of('0') != std::string::npos ||
         !header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING).empty();
}

MHD_Result send(MHD_Connection* connection, unsigned status, const Response& response,
                std::string_view type) {
  if (!response) return MHD_NO;
  ::MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONTENT_TYPE,
                            std::string(type).c_str());
  return ::MHD_queue_response(connection, status, response.get());
}

MHD_Result send(MHD_Connection* connection, unsigned status, std::string_view text) {
  return send(connection, status, response_from(text), kPlain);
}

// The address without the port; "" for a unix socket.
std::string peer_of(MHD_Connection* connection) {
  const MHD_ConnectionInfo* info =
      ::MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (info == nullptr || info->client_addr == nullptr) return {};
  std::array<char, NI_MAXHOST> host{};
  const sockaddr* address = info->client_addr;
  const socklen_t size =
      address->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  if (address->sa_family != AF_INET && address->sa_family != AF_INET6) return {};
  if (::getnameinfo(address, size, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
    return {};
  }
  return host.data();
}

Usec steady_now() {
  return std::chrono::duration_cast<Usec>(std::chrono::steady_clock::now().time_since_epoch());
}

// Threads inherit the mask of their maker. The agent takes signals by signalfd in one thread only;
// a thread of the library with an open mask would let them end the process.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

struct HttpEndpoint::Impl {
  Impl(Listener listening, SelfMetrics& self) : listener(std::move(listening)), metrics(self) {}
  ~Impl() {
    if (daemon != nullptr) ::MHD_stop_daemon(daemon);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  bool start();
  [[nodiscard]] std::shared_ptr<const PublishedPage> page() const {
    const std::lock_guard lock(mutex);
    return published;
  }
  MHD_Result answer(MHD_Connection* connection, std::string_view path, std::string_view method,
                    bool head_only) const;
  MHD_Result answer_metrics(MHD_Connection* connection, bool count) const;

  static MHD_Result handle(void* context, MHD_Connection* connection, const char* url,
                           const char* method, const char* version, const char* upload,
                           std::size_t* upload_size, void** state);

  Listener listener;
  SelfMetrics& metrics;
  mutable ScrapeLedger ledger;
  MHD_Daemon* daemon = nullptr;
  mutable std::mutex mutex;
  std::shared_ptr<const PublishedPage> published;
};

bool HttpEndpoint::Impl::start() {
  const SignalsBlocked blocked;
  // The library owns the socket from here on.
  daemon = ::MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, nullptr, nullptr, &Impl::handle, this,
      MHD_OPTION_LISTEN_SOCKET, listener.release_socket(), MHD_OPTION_THREAD_POOL_SIZE,
      limits::kHttpThreads, MHD_OPTION_CONNECTION_LIMIT, limits::kHttpConnections,
      MHD_OPTION_PER_IP_CONNECTION_LIMIT, limits::kHttpConnectionsPerAddress,
      MHD_OPTION_CONNECTION_TIMEOUT, limits::kHttpIdleSeconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      limits::kHttpRequestBytes, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
  return daemon != nullptr;
}

MHD_Result HttpEndpoint::Impl::handle(void* context, MHD_Connection* connection, const char* url,
                                      const char* method, const char* /*version*/,
                                      const char* /*upload*/, std::size_t* /*upload_size*/,
                                      void** state) {
  // The library calls once after the headers and again after the body. A request with a body is
  // answered at the first call, which makes the library close the connection unread.
  static char headers_seen;
  const bool first = *state == nullptr;
  *state = &headers_seen;
  try {
    if (first && !has_body(connection)) return MHD_YES;
    const std::string_view verb(method);
    return static_cast<const Impl*>(context)->answer(connection, url, verb,
                                                     /*head_only=*/verb == MHD_HTTP_METHOD_HEAD);
  } catch (const std::exception&) {  // out of memory: no exception may enter C code
    return MHD_NO;
  }
}

MHD_Result HttpEndpoint::Impl::answer(MHD_Connection* connection, std::string_view path,
                                      std::string_view method, bool head_only) const {
  if (path != "/metrics" && path != "/healthz" && path != "/readyz") {
    return send(connection, MHD_HTTP_NOT_FOUND,
                "not found; this endpoint has /metrics, /healthz and /readyz\n");
  }
  if (method != MHD_HTTP_METHOD_GET && !head_only) {
    const Response response = response_from("only GET and HEAD are allowed\n");
    if (response) ::MHD_add_response_header(response.get(), MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    return send(connection, MHD_HTTP_METHOD_NOT_ALLOWED, response, kPlain);
  }
  if (has_body(connection)) {
    return send(connection, MHD_HTTP_CONTENT_TOO_LARGE, "a request body is not accepted\n");
  }
  if (path == "/healthz") return send(connection, MHD_HTTP_OK, "ok\n");
  if (page() == nullptr) {
    return send(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "the first sample is not taken yet\n");
  }
  if (path == "/readyz") return send(connection, MHD_HTTP_OK, "ready\n");
  return answer_metrics(connection, /*count=*/!head_only);
}

MHD_Result HttpEndpoint::Impl::answer_metrics(MHD_Connection* connection, bool count) const {
  const auto begin = std::chrono::steady_clock::now();
  const Exposition exposition = preferred_exposition(header(connection, MHD_HTTP_HEADER_ACCEPT));
  auto body = std::make_unique<Body>();
  body->page = page();
  const std::uint64_t sequence = body->page->sequence();
  const std::string_view text = body->page->text(exposition);
  body->own = metrics.render(exposition);
  if (exposition == Exposition::openmetrics_1_0_0) body->own += kEof;

  const bool compress = accepts_gzip(header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING));
  std::size_t bytes = text.size() + body->own.size();
  Response response;
  if (compress) {
    auto compressed = gzip({text, body->own});
    if (!compressed) return MHD_NO;
    body->compressed = *std::move(compressed);
    bytes = body->compressed.size();
    const std::string_view piece = body->compressed;
    response = response_from(std::move(body), {piece});
  } else {
    const std::string_view own = body->own;
    response = response_from(std::move(body), {text, own});
  }
  if (!response) return MHD_NO;
  if (compress) {
    ::MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
  }
  ::MHD_add_response_header(response.get(), MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
  const auto spent = std::chrono::steady_clock::now() - begin;
  if (count) {
    metrics.scrape(std::chrono::duration_cast<Usec>(spent), bytes);
    ledger.scraped(peer_of(connection), sequence, steady_now());
  }
  return send(connection, MHD_HTTP_OK, response, content_type(exposition));
}

Result<std::unique_ptr<HttpEndpoint>> HttpEndpoint::start(const std::string& address,
                                                          SelfMetrics& self_metrics) {
  CGW_ASSIGN(const ListenAddress parsed, parse_listen_address(address));
  CGW_ASSIGN(Listener listener, Listener::open(parsed, address));
  auto impl = std::make_unique<Impl>(std::move(listener), self_metrics);
  if (!impl->start()) {
    return fail(Error::from_errno(errno, "serve HTTP on", address));
  }
  return std::unique_ptr<HttpEndpoint>(new HttpEndpoint(std::move(impl)));
}

HttpEndpoint::HttpEndpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpEndpoint::~HttpEndpoint() = default;

void HttpEndpoint::publish(std::shared_ptr<const View> view) {
  // Declared before the lock: the page before, which may be large, is freed after it.
  auto page = std::make_shared<const PublishedPage>(std::move(view));
  const std::lock_guard lock(impl_->mutex);
  impl_->published.swap(page);
}

std::uint64_t HttpEndpoint::seen_twice() const { return impl_->ledger.seen_twice(steady_now()); }

std::uint16_t HttpEndpoint::port() const { return impl_->listener.port(); }

}  // namespace cgwarden::exporters
