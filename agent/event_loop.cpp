#include "agent/event_loop.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace cgwarden::agent {

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return fail(Error::from_errno(errno, "create", "epoll"));
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(epoll)));
}

EventLoop::Watch::Watch(Watch&& other) noexcept
    : loop_(std::exchange(other.loop_, nullptr)), key_(other.key_) {}

EventLoop::Watch& EventLoop::Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    end();
    loop_ = std::exchange(other.loop_, nullptr);
    key_ = other.key_;
  }
  return *this;
}

EventLoop::Watch::~Watch() { end(); }

void EventLoop::Watch::end() {
  if (loop_ == nullptr) return;
  const auto entry = loop_->entries_.find(key_);
  if (entry != loop_->entries_.end()) {
    // EBADF when the owner closed the fd first: the kernel has then dropped the watch itself.
    ::epoll_ctl(loop_->epoll_.get(), EPOLL_CTL_DEL, entry->second.fd, nullptr);
    loop_->entries_.erase(entry);
  }
  loop_ = nullptr;
}

Result<EventLoop::Watch> EventLoop::add(int fd, std::uint32_t events, Handler handler) {
  const std::uint64_t key = next_key_++;
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return fail(Error::from_errno(errno, "watch", "fd " + std::to_string(fd)));
  }
  entries_[key] = Entry{fd, std::make_shared<Handler>(std::move(handler))};
  return Watch(this, key);
}

Status EventLoop::modify(const Watch& watch, std::uint32_t events) {
  const auto entry = entries_.find(watch.key_);
  if (watch.loop_ != this || entry == entries_.end()) {
    return fail(Error::invalid("watch", "fd", "it is not watched"));
  }
  epoll_event event{};
  event.events = events;
  event.data.u64 = watch.key_;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, entry->second.fd, &event) != 0) {
    return fail(Error::from_errno(errno, "watch", "fd " + std::to_string(entry->second.fd)));
  }
  return {};
}

// The old watch ends before its fd is closed: a closed number may already be another thread's.
EventLoop::Timer& EventLoop::Timer::operator=(Timer&& other) noexcept {
  watch_ = std::move(other.watch_);
  fd_ = std::move(other.fd_);
  return *this;
}

Result<EventLoop::Timer> EventLoop::timer(Usec delay, Usec interval,
                                          std::function<void()> handler) {
  Timer timer;
  timer.fd_ = UniqueFd(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer.fd_.valid()) return fail(Error::from_errno(errno, "create", "timerfd"));
  const auto spec_of = [](Usec duration) {
    timespec spec{};
    spec.tv_sec = static_cast<time_t>(duration.count() / 1000000U);
    spec.tv_nsec = static_cast<long>(duration.count() % 1000000U * 1000U);
    return spec;
  };
  itimerspec when{};
  when.it_interval = spec_of(interval);
  when.it_value = spec_of(delay);
  // A zero it_value would disarm the timer: "now" is one nanosecond from now.
  if (delay.count() == 0) when.it_value.tv_nsec = 1;
  if (::timerfd_settime(timer.fd_.get(), 0, &when, nullptr) != 0) {
    return fail(Error::from_errno(errno, "arm", "timerfd"));
  }
  const int fd = timer.fd_.get();
  CGW_ASSIGN(timer.watch_, add(fd, EPOLLIN, [fd, handler = std::move(handler)](std::uint32_t) {
               std::uint64_t expirations = 0;
               if (::read(fd, &expirations, sizeof expirations) > 0) handler();
             }));
  return timer;
}

Status EventLoop::run() {
  std::array<epoll_event, 64> events{};
  while (running_) {
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    if (count < 0) {
      if (errno == EINTR) continue;
      return fail(Error::from_errno(errno, "wait on", "epoll"));
    }
    for (int i = 0; i < count && running_; ++i) {
      const auto& event = events.at(static_cast<std::size_t>(i));
      // A handler of this batch may have ended this watch; the copy keeps a handler alive that ends
      // its own.
      // A copy: epoll_event is packed, so its members have no address that a reference may have.
      const std::uint64_t id = event.data.u64;
      const auto entry = entries_.find(id);
      if (entry == entries_.end()) continue;
      const std::shared_ptr<Handler> handler = entry->second.handler;
      (*handler)(event.events);
    }
  }
  running_ = true;  // for a next call
  return {};
}

}  // namespace cgwarden::agent
