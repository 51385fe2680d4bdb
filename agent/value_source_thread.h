#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "agent/event_loop.h"
#include "base/result.h"
#include "cgroup/value_source.h"

namespace cgwarden::agent {

// Opens and closes value sources in a thread of its own: to load and verify a BPF program takes
// 0.04 to 0.3 s, and its end waits for the kernel, too. On the loop's thread.
class ValueSourceThread {
 public:
  using Opening = Result<std::unique_ptr<cgroup::ValueSource>>;
  // In the thread, one call at a time.
  using Open = std::function<Opening()>;
  // On the loop, once for each open().
  using Opened = std::function<void(Opening source)>;

  // `loop` must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<ValueSourceThread>> create(EventLoop& loop, Open open,
                                                                         Opened opened);
  ValueSourceThread(const ValueSourceThread&) = delete;
  ValueSourceThread& operator=(const ValueSourceThread&) = delete;
  // Waits for what is under way; a source that nobody took is closed.
  ~ValueSourceThread() = default;

  // Not again before `opened`. busy: there is no thread to be had now, and `opened` will not come.
  [[nodiscard]] Status open();
  // Where no thread can be had it is closed here.
  void close(std::unique_ptr<cgroup::ValueSource> source);

 private:
  struct Shared;
  ValueSourceThread(std::shared_ptr<Shared> shared, Opened opened);
  static void work(const std::stop_token& stop, Shared& shared);
  [[nodiscard]] Status start();
  void take_result();

  std::shared_ptr<Shared> shared_;
  Opened opened_;
  EventLoop::Watch watch_;
  std::jthread thread_;  // the last: it ends before what it uses
};

}  // namespace cgwarden::agent
