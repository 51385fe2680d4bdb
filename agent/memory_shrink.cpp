#include "agent/memory_shrink.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "cgroup/control_file.h"

namespace cgwarden::agent {
namespace {

// A round in which nothing was reclaimed; so many of them in a row are enough.
constexpr std::chrono::milliseconds kRoundPause{100};
constexpr int kIdleRounds = 10;

class Shrinking {
 public:
  Shrinking(const cgroup::Tree& tree, const ShrinkRequest& request, Bytes target)
      : tree_(tree), request_(request), target_(target) {}
  Shrinking(const Shrinking&) = delete;
  Shrinking& operator=(const Shrinking&) = delete;
  // Whatever happened, no process stays held back.
  ~Shrinking() { static_cast<void>(put_high_back()); }

  Status cap_growth();
  Status reclaim(Usec patience);
  Status put_high_back();
  [[nodiscard]] Result<Bytes> usage() const;

 private:
  const cgroup::Tree& tree_;
  const ShrinkRequest& request_;
  Bytes target_;
  std::string high_before_;  // empty: it was not changed
};

Result<Bytes> Shrinking::usage() const {
  CGW_ASSIGN(const std::string text, tree_.read(request_.cgroup, "memory.current"));
  const auto bytes = parse_integer<std::uint64_t>(trim(text));
  if (!bytes) return fail(Error::malformed("read", request_.cgroup + "/memory.current", text));
  return Bytes{*bytes};
}

Status Shrinking::cap_growth() {
  CGW_ASSIGN(const std::string text, tree_.read(request_.cgroup, "memory.high"));
  const auto high = parse_integer<std::uint64_t>(trim(text));
  if (high && *high <= target_.value) return {};
  high_before_ = trim(text);
  const auto written = cgroup::write_control_file(tree_, request_.cgroup, "memory.high",
                                                  std::to_string(target_.value));
  if (!written) return fail(written.error());
  return {};
}

Status Shrinking::put_high_back() {
  if (high_before_.empty()) return {};
  CGW_ASSIGN(const std::string text, tree_.read(request_.cgroup, "memory.high"));
  // Somebody else's value is somebody else's.
  if (trim(text) == std::to_string(target_.value)) {
    const auto written =
        cgroup::write_control_file(tree_, request_.cgroup, "memory.high", high_before_);
    if (!written) return fail(written.error());
  }
  high_before_.clear();
  return {};
}

Status Shrinking::reclaim(Usec patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  CGW_ASSIGN(Bytes least, usage());
  for (int idle = 0; idle < kIdleRounds && std::chrono::steady_clock::now() < deadline; ++idle) {
    CGW_ASSIGN(const Bytes now, usage());
    if (now <= target_) return {};
    if (now < least) {
      least = now;
      idle = 0;
    }
    // EAGAIN: less than asked for was reclaimed. Before Linux 5.19 memory.high has to do.
    CGW_ASSIGN(const UniqueFd cgroup, tree_.open_cgroup(request_.cgroup));
    if (const auto fd = open_at(cgroup.get(), "memory.reclaim", O_WRONLY); fd) {
      static_cast<void>(
          write_all(fd->get(), std::to_string(now.value - target_.value), "memory.reclaim"));
    }
    CGW_ASSIGN(const Bytes after, usage());
    if (after > target_) std::this_thread::sleep_for(kRoundPause);
  }
  return {};
}

Status write_limit(const cgroup::Tree& tree, const ShrinkRequest& request, ShrinkReport& report) {
  CGW_ASSIGN(const auto written,
             cgroup::write_control_file(tree, request.cgroup, request.file, request.value));
  report.before = written.before;
  report.after = written.after;
  report.reached = true;
  return {};
}

}  // namespace

Result<ShrinkReport> shrink_memory(const cgroup::Tree& tree, const ShrinkRequest& request,
                                   Usec patience) {
  CGW_ASSIGN(const CgroupId id, tree.id_of(request.cgroup));
  if (id != request.id) {
    return fail(
        Error{ErrorKind::vanished, 0, "shrink", request.cgroup, "another cgroup has its name now"});
  }
  ShrinkReport report;
  const auto target = parse_integer<std::uint64_t>(request.value);
  if (request.file != "memory.max" || !target) {
    CGW_TRY(write_limit(tree, request, report));
    return report;
  }
  Shrinking shrinking(tree, request, Bytes{*target});
  CGW_ASSIGN(report.usage_before, shrinking.usage());
  if (report.usage_before.value > *target) {
    CGW_TRY(shrinking.cap_growth());
    CGW_TRY(shrinking.reclaim(patience));
  }
  CGW_ASSIGN(report.usage_after, shrinking.usage());
  if (report.usage_after.value <= *target) {
    report.reached = true;
    if (request.write_limit) CGW_TRY(write_limit(tree, request, report));
  }
  CGW_TRY(shrinking.put_high_back());
  return report;
}

bool may_need_room(const policy::Write& write) {
  return write.file == "memory.max" && !write.allow_oom && write.new_value != "max";
}

bool needs_room(const policy::Write& write, std::optional<Bytes> in_use) {
  const auto wanted = parse_integer<std::uint64_t>(write.new_value);
  return may_need_room(write) && wanted && in_use && in_use->value > *wanted;
}

std::optional<Bytes> memory_in_use(const cgroup::Tree& tree, const std::string& cgroup) {
  const auto text = tree.read(cgroup, "memory.current");
  const auto bytes = text ? parse_integer<std::uint64_t>(trim(*text)) : std::nullopt;
  if (!bytes) return std::nullopt;
  return Bytes{*bytes};
}

Result<cgroup::WriteReport> lower_memory(const cgroup::Tree& tree, const policy::Write& write,
                                         Usec patience, const std::string& way_to_kill) {
  const bool ours = write.through == policy::Through::cgroupfs;
  CGW_ASSIGN(
      const auto shrunk,
      shrink_memory(tree, {write.cgroup, write.id, write.file, write.new_value, ours}, patience));
  if (!shrunk.reached) {
    return fail(
        Error{ErrorKind::busy, 0, "lower", write.cgroup + "/" + write.file,
              human_bytes(shrunk.usage_after) +
                  " are in use and could not be reclaimed; nothing was killed: " + way_to_kill});
  }
  cgroup::WriteReport report;
  if (ours) {
    report.before = shrunk.before;
    report.after = shrunk.after;
    report.outcome = cgroup::WriteOutcome::written;
  }
  return report;
}

}  // namespace cgwarden::agent
