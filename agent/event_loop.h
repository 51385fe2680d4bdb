#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/result.h"
#include "base/unique_fd.h"
#include "base/units.h"

namespace cgwarden::agent {

// One epoll(7) loop on one thread. Handlers run on it and must not block.
//
//   CGW_ASSIGN(auto loop, EventLoop::create());
//   CGW_ASSIGN(auto watch, loop->add(fd, EPOLLIN, [&](std::uint32_t) { ... }));
//   loop->run();
class EventLoop {
 public:
  using Handler = std::function<void(std::uint32_t events)>;

  [[nodiscard]] static Result<std::unique_ptr<EventLoop>> create();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Ends its watch when destroyed, also from inside its own handler. Must not outlive the loop. The
  // fd stays the caller's.
  class Watch {
   public:
    Watch() = default;
    Watch(Watch&& other) noexcept;
    Watch& operator=(Watch&& other) noexcept;
    ~Watch();
    [[nodiscard]] bool active() const { return loop_ != nullptr; }

   private:
    friend class EventLoop;
    Watch(EventLoop* loop, std::uint64_t key) : loop_(loop), key_(key) {}
    void end();
    EventLoop* loop_ = nullptr;
    std::uint64_t key_ = 0;
  };
  [[nodiscard]] Result<Watch> add(int fd, std::uint32_t events, Handler handler);
  [[nodiscard]] Status modify(const Watch& watch, std::uint32_t events);

  // A timerfd(2) on CLOCK_BOOTTIME with its watch.
  class Timer {
   public:
    Timer() = default;
    Timer(Timer&&) noexcept = default;
    Timer& operator=(Timer&& other) noexcept;
    ~Timer() = default;
    [[nodiscard]] bool active() const { return watch_.active(); }

   private:
    friend class EventLoop;
    UniqueFd fd_;
    Watch watch_;
  };
  // First after `delay`, then every `interval` (0: once). Ticks missed while busy come as one call.
  [[nodiscard]] Result<Timer> timer(Usec delay, Usec interval, std::function<void()> handler);

  // Until stop().
  [[nodiscard]] Status run();
  void stop() { running_ = false; }

 private:
  explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}
  struct Entry {
    int fd = -1;
    std::shared_ptr<Handler> handler;
  };
  UniqueFd epoll_;
  std::map<std::uint64_t, Entry> entries_;
  std::uint64_t next_key_ = 1;
  bool running_ = true;
};

}  // namespace cgwarden::agent
