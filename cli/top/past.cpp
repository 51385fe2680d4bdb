#include "cli/top/past.h"

#include <algorithm>
#include <utility>

#include "cgroup/fields.h"
#include "cli/local_time.h"
#include "cli/top/columns.h"

namespace cgwarden::cli::top {
namespace {

constexpr Usec kMinute{60'000'000};

// Where each of the recorded fields stands in cgroup::fields().
std::vector<std::size_t> places_of(const std::vector<cgroup::Field>& fields) {
  std::vector<std::size_t> places;
  for (const cgroup::Field& field : fields) {
    places.push_back(cgroup::field_index(field.name).value_or(cgroup::fields().size()));
  }
  return places;
}

Numbers numbers_at(const diagnosis::Series& series, std::size_t i,
                   const std::vector<std::size_t>& places) {
  const std::size_t count = cgroup::fields().size();
  Numbers numbers{std::vector<std::uint64_t>(count), std::vector<std::uint8_t>(count)};
  for (std::size_t field = 0; field < series.fields.size() && field < places.size(); ++field) {
    const auto value = series.value(field, i);
    if (!value || places[field] >= count) continue;
    numbers.values[places[field]] = *value;
    numbers.present[places[field]] = 1;
  }
  return numbers;
}

Result<std::optional<Frame>> framed(Result<std::optional<diagnosis::RecordedMoment>> moment) {
  if (!moment) return fail(moment.error());
  if (!*moment) return std::optional<Frame>();
  return std::optional(frame_of(**moment));
}

Curve curve(std::string title, Unit unit, std::vector<std::optional<double>> points) {
  Curve made{std::move(title), std::move(points), "", ""};
  std::optional<double> most;
  for (const auto& point : made.points) {
    if (point && (!most || *point > *most)) most = point;
  }
  const std::string_view sign = unit == Unit::share ? " %" : "";
  const auto text = [&](std::optional<double> value) {
    return text_of(unit, value) + std::string(value ? sign : "");
  };
  made.newest = text(made.points.empty() ? std::nullopt : made.points.back());
  made.most = text(most);
  return made;
}

std::optional<double> divided(std::optional<double> value, double by) {
  return value ? std::optional(*value / by) : std::nullopt;
}

}  // namespace

Frame frame_of(const diagnosis::RecordedMoment& moment) {
  const auto places = places_of(moment.fields);
  std::vector<Reading> readings;
  std::optional<Usec> between;
  for (const diagnosis::RecordedMoment::Row& row : moment.rows) {
    const diagnosis::Series& samples = row.samples;
    if (samples.times.empty()) continue;
    const std::size_t last = samples.times.size() - 1;
    Reading reading;
    reading.path = row.cgroup.path;
    reading.id = row.cgroup.id;
    reading.identity = row.cgroup.identity;
    reading.now = numbers_at(samples, last, places);
    reading.rates.resize(cgroup::fields().size());
    for (std::size_t field = 0; field < places.size(); ++field) {
      if (places[field] >= reading.rates.size()) continue;
      reading.rates[places[field]] = diagnosis::RecordedMoment::rate(row, field);
    }
    if (last > 0) {
      const Usec step = samples.times[last] - samples.times[last - 1];
      between = between ? std::max(*between, step) : step;
    }
    readings.push_back(std::move(reading));
  }
  return make_frame(moment.time, between, std::move(readings));
}

const std::vector<std::string>& curve_fields() {
  static const std::vector<std::string> kFields{
      "cpu.stat.usage_usec", "cpu.stat.nr_periods",       "cpu.stat.nr_throttled",
      "memory.current",      "memory.pressure.some_usec", "io.pressure.some_usec"};
  return kFields;
}

std::vector<Curve> curves_of(const diagnosis::Series& series) {
  std::vector<std::optional<double>> cpu;
  std::vector<std::optional<double>> throttled;
  std::vector<std::optional<double>> memory;
  std::vector<std::optional<double>> memory_some;
  std::vector<std::optional<double>> io_some;
  for (std::size_t i = 0; i < series.times.size(); ++i) {
    const auto rate = [&](std::size_t field) { return series.rate(field, i); };
    cpu.push_back(divided(rate(0), 1e6));
    const auto periods = rate(1);
    throttled.push_back(periods && *periods > 0 ? divided(rate(2), *periods) : std::nullopt);
    const auto current = series.value(3, i);
    memory.push_back(current ? std::optional(static_cast<double>(*current)) : std::nullopt);
    memory_some.push_back(divided(rate(4), 1e6));
    io_some.push_back(divided(rate(5), 1e6));
  }
  return {curve("CPU cores", Unit::cores, std::move(cpu)),
          curve("throttled", Unit::share, std::move(throttled)),
          curve("memory", Unit::bytes, std::move(memory)),
          curve("memory waits", Unit::share, std::move(memory_some)),
          curve("I/O waits", Unit::share, std::move(io_some))};
}

Result<Past> Past::open(const std::string& state_dir, const std::string& runtime_dir) {
  CGW_ASSIGN(diagnosis::Recording recording, diagnosis::Recording::open({state_dir, runtime_dir}));
  return Past(std::move(recording));
}

Result<std::optional<Frame>> Past::at(Usec time) const { return framed(recording_.at(time)); }
Result<std::optional<Frame>> Past::next(Usec time) const { return framed(recording_.next(time)); }
Result<std::optional<Frame>> Past::previous(Usec time) const {
  return framed(recording_.previous(time));
}

std::string Past::extent_text() const {
  const auto extent = recording_.extent();
  if (!extent) return extent.error().sentence();
  if (!*extent) return "the recording is empty";
  return "the recording reaches from " + wall_text((*extent)->from) + " to " +
         wall_text((*extent)->until);
}

Result<std::vector<Curve>> Past::curves(const std::string& path, Usec until) const {
  const Usec back = kMinute * kCurveMinutes;
  const diagnosis::TimeRange range{until > back ? until - back : Usec{0}, until};
  CGW_ASSIGN(const auto cgroups, recording_.cgroups(range));
  // The newest life under that path.
  const diagnosis::RecordedCgroup* newest = nullptr;
  for (const auto& cgroup : cgroups) {
    if (cgroup.path == path && (newest == nullptr || cgroup.last >= newest->last)) newest = &cgroup;
  }
  if (newest == nullptr) return std::vector<Curve>();
  CGW_ASSIGN(const auto series, recording_.range(*newest, range, curve_fields()));
  if (series.times.empty()) return std::vector<Curve>();
  return curves_of(series);
}

}  // namespace cgwarden::cli::top
