// An agent's ring and store killed at two hundred random points: what was in a whole frame is read
// afterwards, once, whether it was in the ring, in the store, or on its way.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/file.h"
#include "base/limits.h"
#include "base/unique_fd.h"
#include "diagnosis/recording/recording.h"
#include "diagnosis/recording/recording_source.h"
#include "diagnosis/recording/sample_writer.h"
#include "tests/diagnosis/recorded.h"
#include "tests/diagnosis/temporary_directory.h"

namespace cgwarden::diagnosis {
namespace {

namespace fs = std::filesystem;
using namespace recording;

constexpr std::uint64_t kStartMs = 1'795'608'000'000;
constexpr std::uint64_t kTicksPerSegment = 5;

std::string segment_path(const std::string& run, std::uint64_t id) {
  return ring_directory(run) + "/" + std::to_string(id) + kRingSuffix;
}

// Stores what an earlier life left, as an agent does when it starts.
void store_leftovers(const std::string& state, const std::string& run) {
  SampleWriter writer(state);
  for (const auto& entry : fs::directory_iterator(ring_directory(run))) {
    const auto bytes = read_file(entry.path().string(), limits::kRingMostBytes);
    if (!bytes) ::_exit(10);
    if (const auto segment = RingSegment::read(*bytes)) {
      if (!writer.store(*segment, 1)) ::_exit(11);
    }
    fs::remove(entry.path());
  }
  if (!writer.take_notices().empty()) ::_exit(12);
}

// A mapped segment as agent/ring_file.h writes it, a word at a time.
class Mapped {
 public:
  Mapped(const std::string& path, const std::string& header) {
    const UniqueFd fd(
        ::open((path + ".new").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (::posix_fallocate(fd.get(), 0, kBytes) != 0) ::_exit(13);
    memory_ = static_cast<char*>(
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0));
    if (memory_ == MAP_FAILED) ::_exit(14);
    std::memcpy(memory_, header.data(), header.size());
    used_ = aligned(header.size());
    if (std::rename((path + ".new").c_str(), path.c_str()) != 0) ::_exit(15);
  }
  ~Mapped() { ::munmap(memory_, kBytes); }
  void append(std::string_view frame) {
    char* at = memory_ + used_;
    const std::uint32_t sum = crc32_of(frame);
    std::memcpy(at + kFrameHeaderBytes, frame.data(), frame.size());
    std::memcpy(at + 4, &sum, sizeof sum);
    std::atomic_ref(*reinterpret_cast<std::uint32_t*>(at))
        .store(static_cast<std::uint32_t>(frame.size()));
    used_ += kFrameHeaderBytes + aligned(frame.size());
  }

 private:
  static constexpr std::size_t kBytes = 256 * 1024;
  char* memory_ = nullptr;
  std::size_t used_ = 0;
};

// Records a tick after the other, a number each, and acknowledges it when it is in the ring.
[[noreturn]] void record_forever(const std::string& state, const std::string& run,
                                 std::uint64_t number, int acknowledged) {
  store_leftovers(state, run);
  SampleWriter writer(state);
  FrameEncoder frames(cgroup::fields());
  const std::vector<std::uint8_t> present(cgroup::fields().size(), 1);
  for (;;) {
    const std::string path = segment_path(run, number);
    {
      Mapped ring(path, ring_header(number, "boot", cgroup::fields()));
      frames.begin_segment();
      for (std::uint64_t i = 0; i < kTicksPerSegment; ++i, ++number) {
        const std::vector<std::uint64_t> values(cgroup::fields().size(), number);
        frames.begin_tick(kStartMs + number * 10);
        for (std::uint64_t id = 1; id <= 20; ++id) {
          frames.add(CgroupId{id}, "/" + std::to_string(id), nullptr, values, present);
        }
        ring.append(frames.end_tick());
        if (::write(acknowledged, &number, sizeof number) != sizeof number) ::_exit(16);
      }
    }
    const auto bytes = read_file(path, limits::kRingMostBytes);
    const auto segment = RingSegment::read(*bytes);
    if (!segment || !writer.store(*segment, 1)) ::_exit(17);
    fs::remove(path);
  }
}

TEST(RecordingEnduranceTest, NothingAcknowledgedIsLostOrThereTwiceInTwoHundredKills) {
  const testing::TemporaryDirectory directory;
  const std::string state = directory.path();
  const std::string run = directory.path() / "run";
  fs::create_directories(ring_directory(run));
  std::mt19937 random(20261126);
  std::uint64_t next = 1;
  for (int round = 0; round < 200; ++round) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    UniqueFd acknowledged(ends[0]);
    UniqueFd write_end(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) record_forever(state, run, next, write_end.get());
    write_end.reset();
    std::uint64_t last = 0;
    const unsigned ticks = random() % (3 * kTicksPerSegment) + 1;
    for (unsigned i = 0; i < ticks; ++i) {
      ASSERT_EQ(::read(acknowledged.get(), &last, sizeof last), ssize_t{sizeof last});
    }
    volatile unsigned spin = random() % 200'000;
    while (spin > 0) spin = spin - 1;
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself: " << WEXITSTATUS(status);
    for (std::uint64_t number = 0;
         ::read(acknowledged.get(), &number, sizeof number) == ssize_t{sizeof number};) {
      last = number;
    }

    const auto recording = Recording::open({state, run});
    ASSERT_TRUE(recording) << recording.error().sentence();
    const TimeRange range{Usec{0}, Usec{4 * kStartMs * 1000}};
    const auto cgroups = recording->cgroups(range);
    ASSERT_TRUE(cgroups);
    ASSERT_EQ(cgroups->size(), 20U);
    const std::vector<std::string> names{"memory.current"};
    const auto series = recording->range((*cgroups)[random() % 20], range, names);
    ASSERT_TRUE(series);
    ASSERT_TRUE(recording->faults().empty()) << recording->faults().front();
    // The one in flight may be there as well, whole.
    ASSERT_GE(series->times.size(), last);
    ASSERT_LE(series->times.size(), last + 1);
    for (std::size_t i = 0; i < series->times.size(); ++i) {
      ASSERT_EQ(series->value(0, i), i + 1);
    }
    next = series->times.size() + 1;
  }
}

}  // namespace
}  // namespace cgwarden::diagnosis
