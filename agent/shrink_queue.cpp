#include "agent/shrink_queue.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "cgroup/tree.h"

namespace cgwarden::agent {
namespace {

// One cgroup that cannot be shrunk must not keep all others waiting.
constexpr Usec kShrinkPatience{10'000'000};

}  // namespace

struct ShrinkQueue::Shared {
  Shared(cgroup::Tree opened, UniqueFd fd) : tree(std::move(opened)), told(std::move(fd)) {}
  cgroup::Tree tree;
  UniqueFd told;  // an eventfd
  std::mutex mutex;
  std::condition_variable asked;
  std::deque<ShrinkRequest> waiting;
  std::vector<std::pair<ShrinkRequest, Result<ShrinkReport>>> done;
  bool over = false;
};

ShrinkQueue::ShrinkQueue(std::shared_ptr<Shared> shared, Done done)
    : shared_(std::move(shared)), done_(std::move(done)) {}

ShrinkQueue::~ShrinkQueue() {
  const std::lock_guard lock(shared_->mutex);
  shared_->over = true;
  shared_->waiting.clear();
  shared_->asked.notify_one();
}

Result<std::unique_ptr<ShrinkQueue>> ShrinkQueue::create(EventLoop& loop, const std::string& root,
                                                         Done done) {
  CGW_ASSIGN(cgroup::Tree tree, cgroup::Tree::open(root, false));
  UniqueFd told(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!told.valid()) return fail(Error::from_errno(errno, "create", "eventfd"));
  const int fd = told.get();
  std::unique_ptr<ShrinkQueue> made(
      new ShrinkQueue(std::make_shared<Shared>(std::move(tree), std::move(told)), std::move(done)));
  auto* self = made.get();
  CGW_ASSIGN(made->watch_, loop.add(fd, EPOLLIN, [self](std::uint32_t) { self->take_results(); }));
  return made;
}

bool ShrinkQueue::has(CgroupId id) const {
  const auto first = asked_.lower_bound({id, ""});
  return first != asked_.end() && first->id == id;
}

bool ShrinkQueue::ask(const ShrinkRequest& request) {
  if (asked_.contains({request.id, request.file})) return true;
  if (asked_.size() >= limits::kShrinksWaiting) return false;
  if (!started_) {
    try {
      std::thread(&ShrinkQueue::work, shared_).detach();
      started_ = true;
    } catch (const std::system_error&) {
      return false;
    }
  }
  asked_.insert({request.id, request.file});
  const std::lock_guard lock(shared_->mutex);
  shared_->waiting.push_back(request);
  shared_->asked.notify_one();
  return true;
}

void ShrinkQueue::take_results() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(shared_->told.get(), &count, sizeof count);
  std::vector<std::pair<ShrinkRequest, Result<ShrinkReport>>> done;
  {
    const std::lock_guard lock(shared_->mutex);
    done = std::exchange(shared_->done, {});
  }
  for (const auto& [request, report] : done) {
    asked_.erase({request.id, request.file});
    done_(request, report);
  }
}

void ShrinkQueue::work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->asked.wait(lock, [&] { return shared->over || !shared->waiting.empty(); });
    if (shared->over) return;
    const ShrinkRequest request = std::move(shared->waiting.front());
    shared->waiting.pop_front();
    lock.unlock();
    auto report = shrink_memory(shared->tree, request, kShrinkPatience);
    lock.lock();
    shared->done.emplace_back(request, std::move(report));
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(shared->told.get(), &one, sizeof one);
  }
}

}  // namespace cgwarden::agent
