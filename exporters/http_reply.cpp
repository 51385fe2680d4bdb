#include "exporters/http_reply.h"

#include <microhttpd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <exception>
#include <functional>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "exporters/content_negotiation.h"
#include "exporters/http_peer.h"
#include "exporters/http_target.h"
#include "exporters/page_stream.h"
#include "exporters/web_page.h"

namespace cgwarden::exporters {
namespace {

constexpr const char* kPlain = "text/plain; charset=utf-8";
constexpr std::array kPaths{"/metrics", "/metrics/cadvisor", "/metrics/agent", "/healthz",
                            "/readyz"};

struct ResponseDestroy {
  void operator()(MHD_Response* response) const { ::MHD_destroy_response(response); }
};
using Response = std::unique_ptr<MHD_Response, ResponseDestroy>;

Usec steady() {
  return std::chrono::duration_cast<Usec>(std::chrono::steady_clock::now().time_since_epoch());
}

// Who asked for what.
struct Scrape {
  HttpPeer* peer = nullptr;  // ends after the answer
  std::size_t page = 0;      // of HttpPeer::scrapes
  std::uint64_t sequence = 0;
  Scraper anyone;              // of this client and with such headers
  std::optional<Scraper> one;  // who keeps its connection
};

// Several scrapers of one address are told apart by what they send, and for certain by their
// connections, unless a proxy puts the requests of many on one.
Scrape scrape_of(HttpPeer& peer, std::size_t page, const std::string& headers, bool proxied) {
  Scrape scrape;
  scrape.peer = &peer;
  scrape.page = page;
  const std::string name = page == 0 ? "metrics " : "cadvisor ";
  scrape.anyone = {
      peer.client, name + std::to_string(std::hash<std::string>{}(headers)),
      proxied || peer.client.empty() ? Usec{limits::kGoneLeastSeconds * 1'000'000} : Usec{0}};
  if (!proxied) scrape.one = scraper_by_connection(peer, page);
  return scrape;
}

// As the ledger knows it.
const Scraper& scraper_of(const Scrape& scrape) {
  const bool known = scrape.one && scrape.peer->scrapes.at(scrape.page).count > 1;
  return known ? *scrape.one : scrape.anyone;
}

// Prometheus, and what scrapes in its place, says how long it waits; only such a one adds up what
// it was shown before. One that is not known may be one that was known by another name: what it has
// must not seem to fall.
HadBefore had_before(const HttpState& state, const Scrape& scrape, bool adds_up) {
  const Scraper& scraper = scraper_of(scrape);
  const std::uint64_t last = adds_up ? state.ledger.last_of(scraper) : 0;
  return {.seen = state.ledger.seen_by(scraper, steady()),
          .newest = last != 0 ? last : kEverySnapshot};
}

void count(HttpState& state, const Scrape& scrape, const PageStream& stream) {
  state.metrics.scrape(stream.spent(), stream.bytes());
  const Usec now = steady();
  state.ledger.scraped(scrape.anyone, scrape.sequence, now);
  HttpPeer::Scrapes& own = scrape.peer->scrapes.at(scrape.page);
  if (++own.count == 1) {
    own.sequence = scrape.sequence;
    own.when = now;
  } else if (scrape.one) {
    // One scrape makes no scraper: most clients end their connection after it.
    if (own.count == 2) state.ledger.scraped(*scrape.one, own.sequence, own.when);
    state.ledger.scraped(*scrape.one, scrape.sequence, now);
  }
}

// A page that is being sent; libmicrohttpd frees it after the last byte or when the client is gone.
struct Sending {
  // After begin_stream(). The state must outlive this.
  Sending(HttpState& of, Scrape what, std::unique_ptr<PageStream> from, std::string read)
      : state(of), scrape(std::move(what)), stream(std::move(from)), begin(std::move(read)) {}
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

  HttpState& state;
  Scrape scrape;
  std::unique_ptr<PageStream> stream;
  std::string begin;      // read before it was known how long the page is
  std::size_t given = 0;  // of begin
};

void free_sending(void* sending) { delete static_cast<Sending*>(sending); }

ssize_t next_bytes(void* context, std::uint64_t /*position*/, char* to, std::size_t room) {
  auto& sending = *static_cast<Sending*>(context);
  try {
    if (sending.given < sending.begin.size()) {
      const std::size_t size = std::min(room, sending.begin.size() - sending.given);
      std::copy_n(sending.begin.data() + sending.given, size, to);
      sending.given += size;
      sending.state.watch.progress(sending.scrape.peer->id, size);
      return static_cast<ssize_t>(size);
    }
    const auto size = sending.stream->read({to, room});
    if (!size) return MHD_CONTENT_READER_END_WITH_ERROR;
    sending.state.watch.progress(sending.scrape.peer->id, *size);
    if (*size > 0) return static_cast<ssize_t>(*size);
  } catch (const std::exception&) {  // out of memory: no exception may enter C code
    return MHD_CONTENT_READER_END_WITH_ERROR;
  }
  // Before the client can know that it has the page.
  count(sending.state, sending.scrape, *sending.stream);
  return MHD_CONTENT_READER_END_OF_STREAM;
}

// The beginning of a page, up to limits::kHttpWholeBytes; shorter: the whole page.
Result<std::string> beginning(PageStream& stream) {
  std::string text(limits::kHttpWholeBytes, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    CGW_ASSIGN(const std::size_t more, stream.read(std::span(text).subspan(size)));
    if (more == 0) break;
    size += more;
  }
  text.resize(size);
  return text;
}

// libmicrohttpd ends the connection after a HEAD of unknown length: the page is written for it, and
// forgotten.
Result<std::size_t> length_of(PageStream& stream) {
  std::vector<char> piece(limits::kHttpPieceBytes);
  while (true) {
    CGW_ASSIGN(const std::size_t more, stream.read(piece));
    if (more == 0) return stream.bytes();
  }
}

Response head_of(PageStream& stream) {
  const auto length = length_of(stream);
  if (!length) return {};
  const auto nothing = [](void*, std::uint64_t, char*, std::size_t) -> ssize_t {
    return MHD_CONTENT_READER_END_WITH_ERROR;
  };
  return Response(::MHD_create_response_from_callback(*length, limits::kHttpPieceBytes, nothing,
                                                      nullptr, nullptr));
}

Response whole_page(const std::string& text) {
  return Response(::MHD_create_response_from_buffer(text.size(), const_cast<char*>(text.data()),
                                                    MHD_RESPMEM_MUST_COPY));
}

Response streamed_page(std::unique_ptr<Sending> sending) {
  Response response(::MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, limits::kHttpPieceBytes,
                                                        &next_bytes, sending.get(), &free_sending));
  if (response) static_cast<void>(sending.release());
  return response;
}

}  // namespace

// All fields of that name joined by commas, as RFC 9110 section 5.2 reads them.
std::string HttpReply::header(std::string_view name) const {
  struct Search {
    std::string_view name;
    std::string joined;
  } search{name, {}};
  ::MHD_get_connection_values_n(
      connection_, MHD_HEADER_KIND,
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

bool HttpReply::has_body() const {
  const std::string length = header(MHD_HTTP_HEADER_CONTENT_LENGTH);
  return length.find_first_not_of('0') != std::string::npos ||
         !header(MHD_HTTP_HEADER_TRANSFER_ENCODING).empty();
}

std::optional<BasicUser> HttpReply::user() const {
  std::string value = header(MHD_HTTP_HEADER_AUTHORIZATION);
  auto user = parse_basic(value);
  ::explicit_bzero(value.data(), value.size());
  return user;
}

bool HttpReply::say(const Text& text) const {
  const Response response(::MHD_create_response_from_buffer(
      text.text.size(), const_cast<char*>(text.text.data()), MHD_RESPMEM_PERSISTENT));
  if (!response) return false;
  ::MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONTENT_TYPE, kPlain);
  if (text.header != nullptr) {
    ::MHD_add_response_header(response.get(), text.header, text.value);
  }
  for (const auto& [name, value] : protection_.headers) {
    ::MHD_add_response_header(response.get(), name.c_str(), value.c_str());
  }
  return ::MHD_queue_response(connection_, text.status, response.get()) == MHD_YES;
}

bool HttpReply::unauthorized() const {
  return say({MHD_HTTP_UNAUTHORIZED, "unauthorized\n", MHD_HTTP_HEADER_WWW_AUTHENTICATE,
              "Basic realm=\"cgwarden\", charset=\"UTF-8\""});
}

bool HttpReply::too_many() const {
  return say({MHD_HTTP_TOO_MANY_REQUESTS, "over the rate_limit of the web configuration\n",
              MHD_HTTP_HEADER_RETRY_AFTER, "1"});
}

bool HttpReply::by(std::string_view target, std::string_view method) const {
  const auto [path, authority] = http_target(target);
  const bool head = method == MHD_HTTP_METHOD_HEAD;
  const bool of_page = state_.page != nullptr && is_web_page_path(path);
  if (!of_page && std::ranges::find(kPaths, path) == kPaths.end()) {
    return say(
        {MHD_HTTP_NOT_FOUND,
         "not found; this endpoint has /metrics, /metrics/cadvisor, /metrics/agent, /healthz, "
         "/readyz and, where it is switched on, a page for people at /\n"});
  }
  if (method != MHD_HTTP_METHOD_GET && !head) {
    return say({MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are allowed\n",
                MHD_HTTP_HEADER_ALLOW, "GET, HEAD"});
  }
  if (has_body()) return say({MHD_HTTP_CONTENT_TOO_LARGE, "a request body is not accepted\n"});
  if (of_page) return web_page(path, authority);
  if (path == "/healthz") return say({MHD_HTTP_OK, "ok\n"});
  if (path == "/metrics/agent") return page(Page::agent, nullptr, head);
  auto view = state_.view();
  if (view == nullptr) {
    return say({MHD_HTTP_SERVICE_UNAVAILABLE, "the first sample is not taken yet\n"});
  }
  if (path == "/readyz") return say({MHD_HTTP_OK, "ready\n"});
  return page(path == "/metrics" ? Page::metrics : Page::cadvisor, std::move(view), head);
}

bool HttpReply::authenticated() const {
  return protection_.credentials != nullptr || protection_.clients_verified;
}

bool HttpReply::trusted() const {
  if (authenticated()) return true;
  const sockaddr* address = address_of(connection_);
  return address != nullptr && is_of_this_machine(*address);
}

bool HttpReply::is_proxied() const {
  return !header("Via").empty() || !header("Forwarded").empty() ||
         !header("X-Forwarded-For").empty();
}

std::string HttpReply::argument(const char* name) const {
  const char* value = ::MHD_lookup_connection_value(connection_, MHD_GET_ARGUMENT_KIND, name);
  return value != nullptr ? value : "";
}

bool HttpReply::web_page(std::string_view path, std::optional<std::string_view> authority) const {
  const auto view = state_.view();
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto answer = exporters::web_page(
      {.path = std::string(path),
       .host = authority ? std::string(*authority) : header(MHD_HTTP_HEADER_HOST),
       .name = argument("name"),
       .cgroup = argument("cgroup"),
       .hours = argument("hours"),
       .trusted = trusted(),
       .authenticated = authenticated()},
      view ? &view->view() : nullptr, *state_.page, std::chrono::duration_cast<Usec>(wall));
  if (!answer) return false;
  const Response response = whole_page(answer->body);
  if (!response) return false;
  const auto add = [&response](const char* name, const std::string& value) {
    ::MHD_add_response_header(response.get(), name, value.c_str());
  };
  add(MHD_HTTP_HEADER_CONTENT_TYPE, std::string(answer->content_type));
  add(MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
  add("Content-Security-Policy", kWebPagePolicy);
  add("X-Content-Type-Options", "nosniff");
  add("Referrer-Policy", "no-referrer");
  // A header of the web configuration wins over ours of the same name.
  for (const auto& [name, value] : protection_.headers) {
    const char* ours = ::MHD_get_response_header(response.get(), name.c_str());
    if (ours != nullptr) ::MHD_del_response_header(response.get(), name.c_str(), ours);
    add(name.c_str(), value);
  }
  return ::MHD_queue_response(connection_, answer->status, response.get()) == MHD_YES;
}

bool HttpReply::page(Page which, std::shared_ptr<const PublishedView> view, bool head) const {
  HttpPeer* peer = peer_of(connection_);
  if (peer == nullptr) return false;
  const std::string patience = header("X-Prometheus-Scrape-Timeout-Seconds");
  Scrape scrape = scrape_of(
      *peer, which == Page::cadvisor ? 1 : 0,
      header(MHD_HTTP_HEADER_USER_AGENT) + '\n' + patience + '\n' + header("X-Forwarded-For"),
      is_proxied());
  if (view) scrape.sequence = view->sequence();
  const Exposition exposition = preferred_exposition(header(MHD_HTTP_HEADER_ACCEPT));
  const bool compress = accepts_gzip(header(MHD_HTTP_HEADER_ACCEPT_ENCODING));
  // On cAdvisor's page everything has cAdvisor's names.
  const bool has_own = which != Page::cadvisor;
  auto opened = PageStream::open({.view = std::move(view),
                                  .kind = has_own ? PageKind::metrics : PageKind::cadvisor,
                                  .had = had_before(state_, scrape, !patience.empty()),
                                  .own = has_own ? state_.metrics.render(exposition) : "",
                                  .exposition = exposition,
                                  .compress = compress});
  if (!opened) return false;
  std::unique_ptr<PageStream> stream = *std::move(opened);
  Response response;
  if (head) {
    response = head_of(*stream);
  } else {
    auto begin = beginning(*stream);
    if (!begin) return false;
    if (begin->size() < limits::kHttpWholeBytes) {
      if (which != Page::agent) count(state_, scrape, *stream);
      response = whole_page(*begin);
    } else if (state_.watch.begin_stream(peer->id)) {
      response = streamed_page(std::make_unique<Sending>(state_, std::move(scrape),
                                                         std::move(stream), *std::move(begin)));
    } else {
      return say({MHD_HTTP_SERVICE_UNAVAILABLE, "too many pages are being read\n",
                  MHD_HTTP_HEADER_RETRY_AFTER, "1"});
    }
  }
  if (!response) return false;
  const auto add = [&response](const char* name, const std::string& value) {
    ::MHD_add_response_header(response.get(), name, value.c_str());
  };
  add(MHD_HTTP_HEADER_CONTENT_TYPE, std::string(content_type(exposition)));
  if (compress) add(MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
  add(MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
  for (const auto& [name, value] : protection_.headers) add(name.c_str(), value);
  return ::MHD_queue_response(connection_, MHD_HTTP_OK, response.get()) == MHD_YES;
}

}  // namespace cgwarden::exporters
