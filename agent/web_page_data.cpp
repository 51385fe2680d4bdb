#include "agent/web_page_data.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "agent/why.h"
#include "cgroup/fields.h"
#include "diagnosis/recording/recording.h"
#include "diagnosis/store.h"

namespace cgwarden::agent {
namespace {

using exporters::WebPageHistory;

enum Column : std::size_t { kUsage, kPeriods, kThrottled, kMemory, kMemoryMax };
const std::array<std::string, 5> kFields{"cpu.stat.usage_usec", "cpu.stat.nr_periods",
                                         "cpu.stat.nr_throttled", "memory.current", "memory.max"};

// More points than a chart has pixels are not sent.
constexpr std::size_t kPoints = 4000;

std::optional<double> share(std::optional<double> part, std::optional<double> whole) {
  if (!part || !whole) return std::nullopt;
  return *whole > 0 ? *part / *whole : 0.0;
}

std::optional<double> bytes(std::optional<std::uint64_t> value) {
  if (!value || *value == cgroup::kNoLimit) return std::nullopt;
  return static_cast<double>(*value);
}

void append(const diagnosis::Series& series, WebPageHistory& history) {
  for (std::size_t i = 0; i < series.times.size(); ++i) {
    history.wall_usec.push_back(series.times[i].count());
    const auto usage = series.rate(kUsage, i);
    history.cpu_cores.push_back(usage ? std::optional(*usage / 1e6) : std::nullopt);
    history.throttled_ratio.push_back(share(series.rate(kThrottled, i), series.rate(kPeriods, i)));
    history.memory_bytes.push_back(bytes(series.value(kMemory, i)));
    history.memory_max_bytes.push_back(bytes(series.value(kMemoryMax, i)));
  }
}

// memory.max of one cgroup above, as it was at each time.
using Limits = std::vector<std::pair<Usec, std::optional<double>>>;

bool is_above(const std::string& path, const std::string& cgroup) {
  return path == "/" || cgroup.starts_with(path + "/");
}

void collect(const diagnosis::Series& series, Limits& limits) {
  for (std::size_t i = 0; i < series.times.size(); ++i) {
    limits.emplace_back(series.times[i], bytes(series.value(kMemoryMax, i)));
  }
}

// The smallest memory.max from a cgroup to the root is the one that will be hit.
void bind_limits(std::map<std::string, Limits>& above, WebPageHistory& history) {
  for (auto& [path, limits] : above) {
    std::ranges::stable_sort(limits, {}, [](const auto& limit) { return limit.first; });
    std::size_t next = 0;
    for (std::size_t i = 0; i < history.wall_usec.size(); ++i) {
      while (next < limits.size() && limits[next].first.count() <= history.wall_usec[i]) {
        ++next;
      }
      const auto limit = next > 0 ? limits[next - 1].second : std::nullopt;
      auto& binding = history.memory_max_bytes[i];
      if (limit && (!binding || *limit < *binding)) binding = limit;
    }
  }
}

template <typename T>
void every(std::vector<T>& column, std::size_t step) {
  std::vector<T> kept;
  kept.reserve(column.size() / step + 1);
  for (std::size_t i = 0; i < column.size(); i += step) kept.push_back(column[i]);
  column = std::move(kept);
}

void thin_out(WebPageHistory& history) {
  const std::size_t step = (history.wall_usec.size() + kPoints - 1) / kPoints;
  if (step < 2) return;
  every(history.wall_usec, step);
  for (auto* column : {&history.cpu_cores, &history.throttled_ratio, &history.memory_bytes,
                       &history.memory_max_bytes}) {
    every(*column, step);
  }
}

Error somebody_asks() {
  return Error{ErrorKind::busy, 0, "read", "the store", "it is being read for somebody else"};
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

WebPageData::WebPageData(const Options& options)
    : node_(host_name()),
      store_(store_path(options)),
      state_dir_(options.state_dir),
      runtime_dir_(options.runtime_dir),
      cgroup_root_(options.cgroup_root) {}

Result<std::vector<diagnosis::Verdict>> WebPageData::verdicts(Usec since_wall,
                                                              std::size_t most) const {
  CGW_ASSIGN(const auto store, diagnosis::StoreReader::open(store_));
  return store.verdicts_since(since_wall, most);
}

Result<std::string> WebPageData::why(const std::string& name, bool with_last_words) const {
  const std::unique_lock one(busy_, std::try_to_lock);
  if (!one) return fail(somebody_asks());
  Options where;
  where.state_dir = state_dir_;
  where.runtime_dir = runtime_dir_;
  where.cgroup_root = cgroup_root_;
  CGW_ASSIGN(WhyAnswer answer, agent::why(where, {.name = name, .may_wait = false}));
  if (answer.verdict && !with_last_words) answer.verdict->stderr_tail.clear();
  return why_text(answer, {.unicode = true});
}

Result<WebPageHistory> WebPageData::history(const std::string& cgroup, Usec since_wall) const {
  const std::unique_lock one(busy_, std::try_to_lock);
  if (!one) return fail(somebody_asks());
  CGW_ASSIGN(const auto recording,
             diagnosis::Recording::open({.state_dir = state_dir_, .runtime_dir = runtime_dir_}));
  const diagnosis::TimeRange range{since_wall, Usec(std::numeric_limits<std::int64_t>::max())};
  // In one pass, however many lives it had.
  std::vector<std::pair<diagnosis::RecordedCgroup, diagnosis::Series>> lives;
  std::map<std::string, Limits> above;
  CGW_TRY(recording.each(
      range, kFields,
      [&](const diagnosis::RecordedCgroup& life) {
        return life.path == cgroup || is_above(life.path, cgroup);
      },
      [&](const diagnosis::RecordedCgroup& life, const diagnosis::Series& piece) {
        if (life.path != cgroup) {
          collect(piece, above[life.path]);
          return true;
        }
        const auto known =
            std::ranges::find_if(lives, [&](const auto& each) { return each.first.same(life); });
        if (known == lives.end()) {
          lives.emplace_back(life, piece);
        } else {
          known->second.append(piece);
        }
        return true;
      }));
  std::ranges::stable_sort(lives, {}, [](const auto& each) { return each.second.times.front(); });
  WebPageHistory history;
  for (const auto& [life, series] : lives) append(series, history);
  if (history.wall_usec.empty()) {
    return fail(Error{ErrorKind::vanished, 0, "read the recording of", cgroup,
                      "nothing was recorded of it in that time"});
  }
  bind_limits(above, history);
  thin_out(history);
  return history;
}

}  // namespace cgwarden::agent
