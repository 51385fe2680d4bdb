#include "launcher/oci/cgroup_news.h"

#include <poll.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "cgroup/format.h"
#include "launcher/cgroup_host.h"

namespace cgwarden::launcher::oci {
namespace {

bool is_vanished(const Error& error) { return error.kind == ErrorKind::vanished; }

// What poll(2) takes; a longer time is waited for in parts.
int milliseconds_until(std::chrono::steady_clock::time_point deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(
      std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
}

}  // namespace

Result<CgroupNews> CgroupNews::open(const ContainerCgroup& cgroup) {
  CGW_ASSIGN(const auto tree, host_tree());
  if (!tree || cgroup.path.empty()) {
    return fail(Error{ErrorKind::not_supported, 0, "watch", "the container's cgroup",
                      "the container has none"});
  }
  CGW_ASSIGN(auto cgroup_events, cgroup::EventsWatch::open(*tree, cgroup.path, "cgroup.events"));
  std::optional<cgroup::EventsWatch> memory_events;
  if (auto opened = cgroup::EventsWatch::open(*tree, cgroup.path, "memory.events")) {
    memory_events = *std::move(opened);
  }
  CgroupNews news(std::move(cgroup_events), std::move(memory_events));
  // Arms both, and what has been counted is no news.
  CGW_TRY(news.look());
  return news;
}

Result<CgroupNews::News> CgroupNews::look() {
  News news;
  if (memory_events_) {
    const auto text = memory_events_->read();
    if (!text && !is_vanished(text.error())) return fail(text.error());
    if (!text) {
      // The controller has been disabled, and poll(2) would not wait on this file any more.
      memory_events_.reset();
    } else {
      CGW_ASSIGN(const cgroup::MemoryEvents events, cgroup::parse_memory_events(*text));
      const std::uint64_t before = std::exchange(oom_kills_, events.oom_kill.value_or(0));
      news.oom_kill = oom_kills_ > before;
    }
  }
  const auto text = cgroup_events_.read();
  if (!text && !is_vanished(text.error())) return fail(text.error());
  if (!text) {
    news.empty = true;
    return news;
  }
  CGW_ASSIGN(const cgroup::CgroupEvents events, cgroup::parse_cgroup_events(*text));
  news.empty = !events.populated.value_or(false);
  return news;
}

Result<CgroupNews::News> CgroupNews::wait(std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    std::vector<pollfd> polls{{cgroup_events_.fd(), POLLPRI, 0}};
    if (memory_events_) polls.push_back({memory_events_->fd(), POLLPRI, 0});
    const int ready = ::poll(polls.data(), polls.size(), milliseconds_until(deadline));
    CGW_ASSIGN(const News news, look());
    if (news.oom_kill || news.empty) return news;
    if (ready <= 0 && std::chrono::steady_clock::now() >= deadline) return news;
  }
}

}  // namespace cgwarden::launcher::oci
