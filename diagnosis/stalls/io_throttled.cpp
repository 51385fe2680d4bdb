#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "diagnosis/death_case.h"
#include "diagnosis/stall.h"

namespace cgwarden::diagnosis::stalls {
namespace {

// Shorter than this, one burst that the limit lets through later looks like a stall.
constexpr Usec kLeastWatched{3'000'000};
// Waiting for a disk is normal; a stall is when a quarter of the time goes into it.
constexpr std::uint64_t kLeastIoPercent = 25;
// The kernel lets requests through in slices of 100 ms: short of the limit by the last one or two.
constexpr double kAtLimit = 0.85;
constexpr std::uint64_t kSlicesPerSecond = 10;

using cgroup::IoMax;
using cgroup::IoStat;

struct IoKind {
  std::string_view key;  // of io.max
  std::optional<LimitOf<std::uint64_t>> IoMax::* limit;
  cgroup::Count IoStat::* counter;
  std::string_view verb;
  bool bytes;
};
constexpr std::array<IoKind, 4> kKinds{{
    {"rbps", &IoMax::rbps, &IoStat::rbytes, "reads", true},
    {"wbps", &IoMax::wbps, &IoStat::wbytes, "writes", true},
    {"riops", &IoMax::riops, &IoStat::rios, "reads", false},
    {"wiops", &IoMax::wiops, &IoStat::wios, "writes", false},
}};

struct AtLimit {
  const StallCgroup* cgroup = nullptr;
  const IoMax* device = nullptr;
  const IoKind* kind = nullptr;
  std::uint64_t limit = 0;
  std::uint64_t rise = 0;
  double rate = 0;  // of bytes or requests in a second
  [[nodiscard]] double share() const { return rate / static_cast<double>(let_through()); }
  // Of requests the kernel lets whole ones through in a slice: 16 a second are one in each.
  [[nodiscard]] std::uint64_t let_through() const {
    if (kind->bytes || limit < kSlicesPerSecond) return limit;
    return limit / kSlicesPerSecond * kSlicesPerSecond;
  }
};

const IoStat* of_device(const std::optional<std::vector<IoStat>>& stats, const IoMax& device) {
  if (!stats) return nullptr;
  for (const auto& stat : *stats) {
    if (stat.major == device.major && stat.minor == device.minor) return &stat;
  }
  return nullptr;
}

// A device that nothing was read from or written to yet has no line.
std::optional<std::uint64_t> rise_of_device(const StallCgroup& cgroup, const IoMax& device,
                                            cgroup::Count IoStat::* counter) {
  if (!cgroup.flow_before->io_stat) return std::nullopt;
  const IoStat* before = of_device(cgroup.flow_before->io_stat, device);
  const IoStat* after = of_device(cgroup.flow_after->io_stat, device);
  if (after == nullptr) return std::nullopt;
  return rise(before != nullptr ? before->*counter : cgroup::Count(0), after->*counter);
}

// The limit that is used up most; of equals the nearest.
std::optional<AtLimit> binding(const StallEvidence& evidence) {
  std::optional<AtLimit> found;
  for (const auto& cgroup : evidence.cgroups) {
    const auto elapsed = watched(cgroup);
    if (!elapsed || *elapsed < kLeastWatched || !cgroup.io_max) continue;
    for (const auto& device : *cgroup.io_max) {
      for (const auto& kind : kKinds) {
        const auto& limit = device.*kind.limit;
        if (!limit || is_max(*limit)) continue;
        const auto rose = rise_of_device(cgroup, device, kind.counter);
        if (!rose) continue;
        AtLimit one{
            &cgroup, &device,
            &kind,   std::get<std::uint64_t>(*limit),
            *rose,   static_cast<double>(*rose) * 1e6 / static_cast<double>(elapsed->count())};
        if (one.limit == 0 || one.share() < kAtLimit) continue;
        if (!found || one.share() > found->share() + 0.02) found = one;
      }
    }
  }
  return found;
}

std::string limit_text(const LimitOf<std::uint64_t>& limit) {
  return is_max(limit) ? "max" : std::to_string(std::get<std::uint64_t>(limit));
}

// As the kernel prints it.
std::string line_of(const IoMax& device) {
  std::string line = fmt::format("{}:{}", device.major, device.minor);
  for (const auto& kind : kKinds) {
    if (const auto& limit = device.*kind.limit) {
      line += fmt::format(" {}={}", kind.key, limit_text(*limit));
    }
  }
  return line;
}

std::string amount(const IoKind& kind, std::uint64_t value) {
  return kind.bytes ? human_bytes(Bytes{value}) : fmt::format("{} requests", value);
}

void prove(const StallCgroup& payload, const AtLimit& hit, Usec lost, std::string_view line,
           Verdict& verdict) {
  verdict.evidence.push_back({"io.max", hit.cgroup->path, line_of(*hit.device)});
  verdict.evidence.push_back(
      {"io.stat", hit.cgroup->path,
       fmt::format("{}:{} {} +{} in {}", hit.device->major, hit.device->minor,
                   hit.kind->key == "rbps"    ? "rbytes"
                   : hit.kind->key == "wbps"  ? "wbytes"
                   : hit.kind->key == "riops" ? "rios"
                                              : "wios",
                   hit.rise, human_duration(*watched(*hit.cgroup)))});
  verdict.evidence.push_back(
      {"io.pressure", payload.path, fmt::format("{} total +{}", line, lost.count())});
}

}  // namespace

std::optional<Verdict> io_throttled(const StallEvidence& evidence) {
  const StallCgroup& payload = evidence.cgroups.front();
  const auto elapsed = watched(payload);
  const auto some = waited(payload, &StallCgroup::Flow::io_pressure, &cgroup::Pressure::some);
  if (!elapsed || !some || some->count() * 100 < elapsed->count() * kLeastIoPercent) {
    return std::nullopt;
  }
  const auto hit = binding(evidence);
  if (!hit) return std::nullopt;
  const bool own = hit->cgroup == &payload;
  const auto name = evidence.devices.find({hit->device->major, hit->device->minor});
  const std::string device =
      name != evidence.devices.end()
          ? fmt::format("{} ({}:{})", name->second, hit->device->major, hit->device->minor)
          : fmt::format("{}:{}", hit->device->major, hit->device->minor);
  // Three files of the kernel that agree: the limit, what went through, and who waited meanwhile.
  Verdict verdict = begin(evidence, VerdictClass::stalled_io_throttled, Confidence::proven);
  verdict.actor = Actor{std::nullopt, "the kernel's I/O throttling, at io.max"};
  verdict.limit = LimitHit{hit->cgroup->path, "io.max", line_of(*hit->device)};
  const auto full = waited(payload, &StallCgroup::Flow::io_pressure, &cgroup::Pressure::full);
  verdict.answer = fmt::format(
      "{} waits for device {}: {} {} {} a second, and io.max of {} allows {}={}; {} of {} lost "
      "waiting for I/O",
      evidence.workload, device, own ? "it" : "what is in that cgroup", hit->kind->verb,
      amount(*hit->kind, static_cast<std::uint64_t>(hit->rate)),
      own ? "its cgroup" : hit->cgroup->path + " above it", hit->kind->key, hit->limit,
      human_duration(*some), human_duration(*elapsed));
  prove(payload, *hit, *some, "some", verdict);
  if (full) {
    verdict.contributing.push_back(fmt::format(
        "in {} of that none of its processes got on (io.pressure full)", human_duration(*full)));
  }
  if (!own) {
    if (const auto part = rise_of_device(payload, *hit->device, hit->kind->counter)) {
      verdict.contributing.push_back(
          fmt::format("of what went through at {}, {} of {} were its own", hit->cgroup->path,
                      amount(*hit->kind, *part), amount(*hit->kind, hit->rise)));
    }
  }
  verdict.ruled_out.emplace_back("a slow disk: what went through is what io.max allows");
  verdict.advice.push_back(fmt::format(
      "Raise {} of {} in io.max of {}, or let it {} less; while it waits it cannot show how much "
      "it needs, so raise it until io.pressure falls. io.weight shares a disk without a limit.",
      hit->kind->key, device, hit->cgroup->path, hit->kind->verb == "reads" ? "read" : "write"));
  return verdict;
}

}  // namespace cgwarden::diagnosis::stalls
