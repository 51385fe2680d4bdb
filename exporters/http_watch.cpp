#include "exporters/http_watch.h"

#include <sys/socket.h>

#include <chrono>
#include <utility>

#include "exporters/signals_blocked.h"

namespace cgwarden::exporters {
namespace {

using SteadyClock = std::chrono::steady_clock;

Usec steady_now() {
  return std::chrono::duration_cast<Usec>(SteadyClock::now().time_since_epoch());
}

}  // namespace

HttpWatch::HttpWatch(const HttpConnections::Limits& limits) : connections_(limits) {
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
}

HttpWatch::~HttpWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

// With the lock.
void HttpWatch::shut_down(Id id) {
  const auto socket = sockets_.find(id);
  if (socket != sockets_.end()) ::shutdown(socket->second, SHUT_RDWR);
}

// With the lock. The thread need not wake up for what it will see by itself.
void HttpWatch::look_again() {
  const auto next = connections_.next_due();
  if (next && (!wakes_ || *next < *wakes_)) changed_.notify_one();
}

HttpWatch::Id HttpWatch::begin(int socket, unsigned server, HttpConnections::Client client) {
  const std::lock_guard lock(mutex_);
  const Id id = ++last_;
  sockets_[id] = socket;
  const auto victim = connections_.begin(id, server, std::move(client), steady_now());
  if (victim) shut_down(*victim);
  look_again();
  return id;
}

void HttpWatch::end(Id id) {
  const std::lock_guard lock(mutex_);
  connections_.end(id);
  sockets_.erase(id);
}

void HttpWatch::asked(Id id) {
  const std::lock_guard lock(mutex_);
  connections_.asked(id, steady_now());
  look_again();
}

void HttpWatch::verifying(Id id) {
  const std::lock_guard lock(mutex_);
  connections_.verifying(id, steady_now());
}

void HttpWatch::answered(Id id) {
  const std::lock_guard lock(mutex_);
  connections_.answered(id, steady_now());
  look_again();
}

bool HttpWatch::begin_stream(Id id) {
  const std::lock_guard lock(mutex_);
  const HttpConnections::Room room = connections_.begin_stream(id, steady_now());
  if (room.ends) shut_down(*room.ends);
  look_again();
  return room.given;
}

void HttpWatch::progress(Id id, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  connections_.progress(id, bytes, steady_now());
}

void HttpWatch::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    for (const Id id : connections_.take_due(steady_now())) shut_down(id);
    wakes_ = connections_.next_due();
    if (!wakes_) {
      changed_.wait(lock);
      continue;
    }
    const auto when = std::chrono::duration_cast<SteadyClock::duration>(*wakes_);
    changed_.wait_until(lock, SteadyClock::time_point(when));
  }
}

}  // namespace cgwarden::exporters
