#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/units.h"
#include "exporters/http_tls.h"
#include "exporters/http_watch.h"
#include "exporters/scrape_ledger.h"

struct MHD_Connection;
struct sockaddr;

namespace cgwarden::exporters {

// What belongs to a connection of libmicrohttpd from its beginning to its end; only the thread of
// the library that has the connection uses it.
struct HttpPeer {
  std::shared_ptr<const TlsContext> tls;  // null: plain HTTP
  HttpWatch::Id id = 0;
  std::string client;
  // Its scrapes of /metrics and of /metrics/cadvisor.
  struct Scrapes {
    std::uint64_t count = 0;
    std::uint64_t sequence = 0;  // of the first one's snapshot
    Usec when{0};                // the first one
  };
  std::array<Scrapes, 2> scrapes = {};
};

// nullptr: the connection has none yet.
[[nodiscard]] HttpPeer* peer_of(MHD_Connection* connection);

// The scraper that has this connection for itself; `page`: of HttpPeer::scrapes.
[[nodiscard]] Scraper scraper_by_connection(const HttpPeer& peer, std::size_t page);

// nullptr: not known.
[[nodiscard]] const sockaddr* address_of(MHD_Connection* connection);
// Loopback, IPv4 in IPv6 too, or a unix socket.
[[nodiscard]] bool is_of_this_machine(const sockaddr& address);
// Whose connections are counted together: an address without its port, of IPv6 the 64 bits that one
// host can vary at will left out. "": all of a unix socket are one.
[[nodiscard]] std::string client_of(const sockaddr* address);

}  // namespace cgwarden::exporters
