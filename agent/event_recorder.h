#pragma once

#include <cstddef>
#include <vector>

#include "agent/control.h"
#include "agent/event_loop.h"
#include "agent/node_book.h"
#include "diagnosis/event.h"
#include "diagnosis/store.h"
#include "exporters/self_metrics.h"

namespace cgwarden::agent {

// Where events go: counted and sent over the bus at once, and into the store together, half a
// second after the first of them, so that a storm costs one commit. (Who tells of an event logs
// it.) On the loop's thread.
class EventRecorder {
 public:
  struct Parts {
    EventLoop* loop = nullptr;
    diagnosis::StoreWriter* store = nullptr;
    NodeBook* node = nullptr;  // stored with the events
    exporters::SelfMetrics* metrics = nullptr;
  };
  explicit EventRecorder(Parts parts) : parts_(parts) {}

  // nullptr: nobody.
  void announce_to(Announcer* bus) { bus_ = bus; }
  void tell(diagnosis::Event event);
  // What waits is stored now; what cannot be is tried again, up to limits::kPendingEvents of them.
  void flush();

 private:
  void flush_in(Usec delay);

  Parts parts_;
  Announcer* bus_ = nullptr;
  std::vector<diagnosis::Event> pending_;
  std::size_t sent_ = 0;  // signals since the last flush
  bool failing_ = false;
  EventLoop::Timer timer_;
};

}  // namespace cgwarden::agent
