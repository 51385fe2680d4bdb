#include "agent/event_recorder.h"

#include <string>
#include <utility>

#include "base/limits.h"
#include "base/log.h"

namespace cgwarden::agent {
namespace {

constexpr Usec kFlushDelay{500'000};
constexpr Usec kRetryDelay{10'000'000};
// Between two flushes: a listener that falls behind is cut off by the bus, and who wants all of a
// storm reads the store.
constexpr std::size_t kMostSignals = 200;

}  // namespace

void EventRecorder::tell(diagnosis::Event event) {
  parts_.metrics->event(event.kind);
  if (bus_ != nullptr && sent_ < kMostSignals) {
    ++sent_;
    bus_->event(std::string(to_string(event.kind)), event.cgroup, to_json(event));
  }
  if (pending_.size() >= limits::kPendingEvents) {
    parts_.metrics->events_dropped(1);
    return;
  }
  pending_.push_back(std::move(event));
  if (!timer_.active()) flush_in(kFlushDelay);
}

void EventRecorder::flush_in(Usec delay) {
  auto timer = parts_.loop->timer(delay, Usec{0}, [this] { flush(); });
  if (timer) {
    timer_ = *std::move(timer);
  } else {
    flush();
  }
}

void EventRecorder::flush() {
  timer_ = {};
  sent_ = 0;
  const auto counters = parts_.node->changed();
  if (pending_.empty() && counters.empty()) return;
  const Status stored = parts_.store->put_events(pending_, counters);
  if (stored) {
    pending_.clear();
    parts_.node->saved();
    failing_ = false;
    return;
  }
  parts_.metrics->store_error();
  if (!std::exchange(failing_, true)) {
    log::error("events_not_stored", {{"error", stored.error().sentence()},
                                     {"effect", "they wait; what does not fit is lost"}});
  }
  auto timer = parts_.loop->timer(kRetryDelay, Usec{0}, [this] { flush(); });
  if (timer) timer_ = *std::move(timer);
}

}  // namespace cgwarden::agent
