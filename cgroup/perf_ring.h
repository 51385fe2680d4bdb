#pragma once

#include <linux/perf_event.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cgwarden::cgroup {

// The mapped ring of one perf event (perf_event_open(2) "MMAP layout"). The kernel never writes
// over what was not read: it drops and says so in a PERF_RECORD_LOST.
//
// Thread rule: one thread.
class PerfRing {
 public:
  // `pages`: a power of two. Takes over the event's fd.
  [[nodiscard]] static Result<PerfRing> map(UniqueFd event, std::size_t pages);
  PerfRing(PerfRing&& other) noexcept;
  PerfRing& operator=(PerfRing&&) = delete;
  ~PerfRing();

  [[nodiscard]] int fd() const { return event_.get(); }
  // Calls `take(type, body)` for each record that is there now. `body` lives as long as the call.
  void drain(const std::function<void(std::uint32_t, std::span<const std::byte>)>& take);

 private:
  PerfRing(UniqueFd event, void* map, std::size_t bytes)
      : event_(std::move(event)), map_(map), bytes_(bytes) {}
  void copy(std::uint64_t from, std::span<std::byte> out) const;

  UniqueFd event_;
  void* map_ = nullptr;
  std::size_t bytes_ = 0;  // of the whole map
  std::vector<std::byte> record_;
};

}  // namespace cgwarden::cgroup
