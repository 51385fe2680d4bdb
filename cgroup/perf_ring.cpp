#include "cgroup/perf_ring.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

namespace cgwarden::cgroup {
namespace {

std::size_t page_bytes() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace

Result<PerfRing> PerfRing::map(UniqueFd event, std::size_t pages) {
  const std::size_t bytes = (pages + 1) * page_bytes();
  void* map = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, event.get(), 0);
  if (map == MAP_FAILED) return fail(Error::from_errno(errno, "map", "a ring of perf_event_open"));
  return PerfRing(std::move(event), map, bytes);
}

PerfRing::PerfRing(PerfRing&& other) noexcept
    : event_(std::move(other.event_)),
      map_(std::exchange(other.map_, nullptr)),
      bytes_(other.bytes_),
      record_(std::move(other.record_)) {}

PerfRing::~PerfRing() {
  if (map_ != nullptr) ::munmap(map_, bytes_);
}

void PerfRing::copy(std::uint64_t from, std::span<std::byte> out) const {
  const std::size_t size = bytes_ - page_bytes();
  const auto* data = static_cast<const std::byte*>(map_) + page_bytes();
  const std::size_t start = from % size;
  const std::size_t first = std::min(out.size(), size - start);
  std::memcpy(out.data(), data + start, first);
  std::memcpy(out.data() + first, data, out.size() - first);
}

void PerfRing::drain(const std::function<void(std::uint32_t, std::span<const std::byte>)>& take) {
  auto* control = static_cast<perf_event_mmap_page*>(map_);
  const std::uint64_t head =
      std::atomic_ref<__u64>(control->data_head).load(std::memory_order_acquire);
  std::uint64_t tail = control->data_tail;
  const std::size_t size = bytes_ - page_bytes();
  while (tail < head) {
    perf_event_header header{};
    copy(tail, std::as_writable_bytes(std::span(&header, 1)));
    // Never by the kernel; else the ring would be read for ever.
    if (header.size < sizeof header || header.size > head - tail || header.size > size) {
      tail = head;
      break;
    }
    record_.resize(header.size - sizeof header);
    copy(tail + sizeof header, record_);
    take(header.type, record_);
    tail += header.size;
  }
  std::atomic_ref<__u64>(control->data_tail).store(tail, std::memory_order_release);
}

}  // namespace cgwarden::cgroup
