#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "agent/event_loop.h"
#include "agent/memory_shrink.h"
#include "base/result.h"
#include "policy/original.h"

namespace cgwarden::agent {

// Does shrink_memory() in a thread of its own, one request after the other: the kernel reclaims
// within the write, for seconds. On the loop's thread.
class ShrinkQueue {
 public:
  using Done =
      std::function<void(const ShrinkRequest& request, const Result<ShrinkReport>& report)>;
  // `loop` must outlive it; a tree of its own is opened at `root`. `done` comes on the loop.
  [[nodiscard]] static Result<std::unique_ptr<ShrinkQueue>> create(EventLoop& loop,
                                                                   const std::string& root,
                                                                   Done done);
  ShrinkQueue(const ShrinkQueue&) = delete;
  ShrinkQueue& operator=(const ShrinkQueue&) = delete;
  // What is under way ends by itself, its result is dropped.
  ~ShrinkQueue();

  // False: it is full, or there is no thread to be had. One that waits or is under way already is
  // not asked for twice.
  [[nodiscard]] bool ask(const ShrinkRequest& request);
  [[nodiscard]] bool has(CgroupId id) const;
  [[nodiscard]] bool has(const policy::KnobKey& key) const { return asked_.contains(key); }

 private:
  struct Shared;
  ShrinkQueue(std::shared_ptr<Shared> shared, Done done);
  static void work(const std::shared_ptr<Shared>& shared);
  void take_results();

  std::shared_ptr<Shared> shared_;
  Done done_;
  EventLoop::Watch watch_;
  std::set<policy::KnobKey> asked_;
  bool started_ = false;
};

}  // namespace cgwarden::agent
