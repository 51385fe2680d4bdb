#include "agent/recorder.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "cgroup/fields.h"
#include "diagnosis/recording/recording_source.h"

namespace cgwarden::agent {
namespace {

constexpr Usec kSegment{60'000'000};
// In a crash loop a commit per death would be nothing but commits.
constexpr Usec kBetweenDrains{10'000'000};

std::uint64_t random_id() {
  std::uint64_t id = 0;
  // The kernel's pool is ready long before an agent starts; the id must only differ.
  if (::getrandom(&id, sizeof id, 0) != sizeof id) id = 0;
  return id;
}

std::string segment_path(const std::string& directory, std::uint64_t id) {
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "/%016llx", static_cast<unsigned long long>(id));
  return directory + name.data() + diagnosis::recording::kRingSuffix;
}

diagnosis::recording::Retention retention_of(const policy::RecorderConfig& config) {
  return {config.size.value, config.days, config.full_days};
}

}  // namespace

Recorder::Recorder(const Options& options, std::string boot, const Clock& clock)
    : clock_(clock),
      config_(options.recorder),
      boot_(std::move(boot)),
      ring_dir_(diagnosis::recording::ring_directory(options.runtime_dir)),
      frames_(cgroup::fields()),
      values_(cgroup::fields().size()),
      present_(cgroup::fields().size()),
      ring_bytes_(limits::kRingLeastBytes),
      drain_(options.state_dir, options.runtime_dir, retention_of(options.recorder), clock) {
  if (const Status made = make_directories(ring_dir_, 0750); !made) {
    complain(made.error().sentence());
  }
}

// The drain's destructor stores what it was given.
Recorder::~Recorder() {
  if (!ring_ || ticks_ == 0) return;
  // Left behind when the thread is behind: the next agent stores it.
  (void)cut();
}

void Recorder::complain(const std::string& sentence) {
  if (said_ == sentence) return;
  said_ = sentence;
  log::error("samples_dropped", {{"error", sentence}, {"effect", "nothing is recorded meanwhile"}});
}

bool Recorder::open_segment(TimePoint now) {
  const std::uint64_t id = random_id();
  auto created =
      RingFile::create(segment_path(ring_dir_, id),
                       diagnosis::recording::ring_header(id, boot_, cgroup::fields()), ring_bytes_);
  if (!created) {
    complain(created.error().sentence());
    return false;
  }
  ring_ = *std::move(created);
  begun_ = now;
  ticks_ = 0;
  sealed_ = false;
  frames_.begin_segment();
  return true;
}

bool Recorder::cut() {
  if (!drain_.take(ring_->path())) return false;
  // Twice what was needed, so that a quiet node does not hold memory for a busy hour long ago.
  ring_bytes_ = std::clamp(2 * ring_->used(), limits::kRingLeastBytes,
                           static_cast<std::size_t>(config_.ring.value));
  ring_.reset();
  return true;
}

void Recorder::add(const cgroup::Sample& sample, const identity::Table& identities) {
  if (added_ >= config_.max_cgroups) {
    ++beyond_;
    return;
  }
  ++added_;
  cgroup::read_fields(sample, values_, present_);
  std::shared_ptr<const identity::Identity> identity;
  if (auto known = identities.share(sample.id)) {
    const identity::Identity* inside = &known->identity;
    identity = {std::move(known), inside};
  }
  frames_.add(sample.id, sample.path, identity, values_, present_);
}

void Recorder::encode(const cgroup::Snapshot& snapshot, const identity::Table& identities) {
  frames_.begin_tick(snapshot.taken().wall.count() / 1000U);
  added_ = 0;
  beyond_ = 0;
  for (const cgroup::Sample& sample : snapshot.samples()) add(sample, identities);
  // The last values, which no tick has.
  for (const cgroup::Sample& sample : snapshot.ended()) add(sample, identities);
}

bool Recorder::append(std::string_view frame) {
  if (!ring_ || sealed_ || ticks_ >= limits::kTicksPerCut) return false;
  // What follows a frame that is missing would be differences to nothing.
  sealed_ = !ring_->append(frame);
  if (!sealed_) ++ticks_;
  return !sealed_;
}

// The same tick again, at the beginning of a new segment: it says who everybody is, which makes it
// much larger than the others.
bool Recorder::append_anew(const cgroup::Snapshot& snapshot, const identity::Table& identities,
                           std::size_t frame_bytes) {
  if (ring_ && !cut()) return false;
  for (std::size_t wanted = 2 * frame_bytes;;) {
    ring_bytes_ = std::min<std::size_t>(std::max(ring_bytes_, wanted), config_.ring.value);
    if (!open_segment(snapshot.taken())) return false;
    encode(snapshot, identities);
    const std::string_view frame = frames_.end_tick();
    if (append(frame)) return true;
    ::unlink(ring_->path().c_str());
    ring_.reset();
    if (ring_bytes_ == config_.ring.value) {
      complain("one tick of all cgroups has " + human_bytes(Bytes{frame.size()}) +
               " and does not fit into the ring; give more to recorder.ring, or lower "
               "recorder.maxCgroups");
      return false;
    }
    wanted = 4 * frame.size();
  }
}

void Recorder::record(const cgroup::Snapshot& snapshot, const identity::Table& identities) {
  encode(snapshot, identities);
  dropped_by_cap_ += beyond_;
  const std::string_view frame = frames_.end_tick();
  if (!append(frame) && !append_anew(snapshot, identities, frame.size())) {
    dropped_by_ring_ += added_;
  }
  if (ring_ && ticks_ > 0 && snapshot.taken().boottime >= begun_.boottime + kSegment) (void)cut();
}

void Recorder::drain(TimePoint now) {
  if (ring_ && ticks_ > 0 && now.boottime >= begun_.boottime + kBetweenDrains) (void)cut();
}

Recorder::Counts Recorder::counts() const {
  const SampleDrain::Counts drained = drain_.counts();
  return {drained.stored, dropped_by_cap_, dropped_by_ring_, drained.dropped, drained.bytes};
}

}  // namespace cgwarden::agent
