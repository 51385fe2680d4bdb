#include "agent/value_source_thread.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

namespace cgwarden::agent {

struct ValueSourceThread::Shared {
  Shared(Open how, UniqueFd fd) : open(std::move(how)), told(std::move(fd)) {}
  Open open;
  UniqueFd told;  // an eventfd
  std::mutex mutex;
  std::condition_variable_any asked;
  bool wanted = false;
  std::vector<std::unique_ptr<cgroup::ValueSource>> closing;
  std::optional<Opening> result;
};

ValueSourceThread::ValueSourceThread(std::shared_ptr<Shared> shared, Opened opened)
    : shared_(std::move(shared)), opened_(std::move(opened)) {}

Result<std::unique_ptr<ValueSourceThread>> ValueSourceThread::create(EventLoop& loop, Open open,
                                                                     Opened opened) {
  UniqueFd told(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!told.valid()) return fail(Error::from_errno(errno, "create", "eventfd"));
  const int fd = told.get();
  std::unique_ptr<ValueSourceThread> made(new ValueSourceThread(
      std::make_shared<Shared>(std::move(open), std::move(told)), std::move(opened)));
  auto* self = made.get();
  CGW_ASSIGN(made->watch_, loop.add(fd, EPOLLIN, [self](std::uint32_t) { self->take_result(); }));
  return made;
}

Status ValueSourceThread::start() {
  if (thread_.joinable()) return {};
  try {
    thread_ =
        std::jthread([shared = shared_](const std::stop_token& stop) { work(stop, *shared); });
  } catch (const std::system_error& error) {
    return fail(Error::from_errno(error.code().value(), "start", "a thread"));
  }
  return {};
}

Status ValueSourceThread::open() {
  CGW_TRY(start());
  const std::lock_guard lock(shared_->mutex);
  shared_->wanted = true;
  shared_->asked.notify_one();
  return {};
}

void ValueSourceThread::close(std::unique_ptr<cgroup::ValueSource> source) {
  if (!start()) return;
  const std::lock_guard lock(shared_->mutex);
  shared_->closing.push_back(std::move(source));
  shared_->asked.notify_one();
}

void ValueSourceThread::take_result() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(shared_->told.get(), &count, sizeof count);
  std::optional<Opening> result;
  {
    const std::lock_guard lock(shared_->mutex);
    result = std::exchange(shared_->result, std::nullopt);
  }
  if (result) opened_(*std::move(result));
}

void ValueSourceThread::work(const std::stop_token& stop, Shared& shared) {
  std::unique_lock lock(shared.mutex);
  while (shared.asked.wait(lock, stop, [&] { return shared.wanted || !shared.closing.empty(); })) {
    const bool wanted = std::exchange(shared.wanted, false);
    auto closing = std::exchange(shared.closing, {});
    lock.unlock();
    closing.clear();
    std::optional<Opening> result;
    if (wanted && !stop.stop_requested()) result = shared.open();
    lock.lock();
    if (!result) continue;
    shared.result = std::move(result);
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(shared.told.get(), &one, sizeof one);
  }
}

}  // namespace cgwarden::agent
