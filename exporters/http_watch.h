#pragma once

#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "exporters/http_connections.h"

namespace cgwarden::exporters {

// Ends connections of libmicrohttpd as HttpConnections decides, which the library by itself only
// does after a time without a byte: it shuts their sockets down, and the thread of the library that
// has the connection closes it. With a thread of its own for what is overdue. Thread-safe.
class HttpWatch {
 public:
  using Id = HttpConnections::Id;

  explicit HttpWatch(const HttpConnections::Limits& limits = {});
  ~HttpWatch();
  HttpWatch(const HttpWatch&) = delete;
  HttpWatch& operator=(const HttpWatch&) = delete;

  // `socket` is open until end() has returned.
  [[nodiscard]] Id begin(int socket, unsigned server, HttpConnections::Client client);
  void end(Id id);
  // As those of HttpConnections.
  void asked(Id id);
  void verifying(Id id);
  void answered(Id id);
  [[nodiscard]] bool begin_stream(Id id);
  void progress(Id id, std::size_t bytes);

 private:
  void run();
  void shut_down(Id id);
  void look_again();

  std::mutex mutex_;
  std::condition_variable changed_;
  HttpConnections connections_;
  std::map<Id, int> sockets_;
  Id last_ = 0;
  std::optional<Usec> wakes_;  // when the thread looks again by itself; nullopt: not at all
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace cgwarden::exporters
