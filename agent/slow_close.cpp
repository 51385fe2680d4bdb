#include "agent/slow_close.h"

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace cgwarden::agent {

struct SlowClose::Shared {
  std::mutex mutex;
  std::condition_variable asked;
  std::vector<UniqueFd> waiting;
  bool over = false;
};

SlowClose::SlowClose() : shared_(std::make_shared<Shared>()) {}

SlowClose::~SlowClose() {
  const std::lock_guard lock(shared_->mutex);
  shared_->over = true;
  shared_->asked.notify_one();
}

void SlowClose::close(UniqueFd fd) {
  if (!started_) {
    try {
      std::thread(&SlowClose::work, shared_).detach();
      started_ = true;
    } catch (const std::system_error&) {
      return;
    }
  }
  const std::lock_guard lock(shared_->mutex);
  shared_->waiting.push_back(std::move(fd));
  shared_->asked.notify_one();
}

void SlowClose::work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->asked.wait(lock, [&] { return shared->over || !shared->waiting.empty(); });
    if (shared->waiting.empty()) return;
    auto closing = std::exchange(shared->waiting, {});
    lock.unlock();
    closing.clear();
    lock.lock();
  }
}

}  // namespace cgwarden::agent
