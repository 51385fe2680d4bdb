#include "cli/top/frame.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "identity/subject.h"

#include "cgroup/fields.h"
#include "cgroup/snapshot.h"
#include "diagnosis/recording/recording.h"

namespace cgwarden::cli::top {
namespace {

constexpr double kMicroseconds = 1e6;
// What docker prints of an id.
constexpr std::size_t kContainerIdDigits = 12;
constexpr double kUnlimited = std::numeric_limits<double>::infinity();

// The places of the fields that rows are made of.
struct Places {
  static std::size_t place(std::string_view name) {
    return cgroup::field_index(name).value_or(cgroup::fields().size());
  }
  std::size_t usage = place("cpu.stat.usage_usec");
  std::size_t periods = place("cpu.stat.nr_periods");
  std::size_t throttled = place("cpu.stat.nr_throttled");
  std::size_t lost = place("cpu.stat.throttled_usec");
  std::size_t memory = place("memory.current");
  std::size_t memory_max = place("memory.max");
  std::size_t memory_some = place("memory.pressure.some_usec");
  std::size_t memory_full = place("memory.pressure.full_usec");
  std::size_t cpu_some = place("cpu.pressure.some_usec");
  std::size_t cpu_full = place("cpu.pressure.full_usec");
  std::size_t io_some = place("io.pressure.some_usec");
  std::size_t io_full = place("io.pressure.full_usec");
  std::size_t read = place("io.stat.rbytes");
  std::size_t write = place("io.stat.wbytes");
  std::size_t pids = place("pids.current");
  std::size_t oom_kill = place("memory.events.oom_kill");
};

const Places& places() {
  static const Places kPlaces;
  return kPlaces;
}

std::optional<double> number(const std::optional<std::uint64_t>& value) {
  return value ? std::optional<double>(static_cast<double>(*value)) : std::nullopt;
}

std::optional<double> per_second(const Reading& reading, std::size_t field) {
  return field < reading.rates.size() ? reading.rates[field] : std::nullopt;
}

std::optional<double> seconds_per_second(const Reading& reading, std::size_t field) {
  const auto rate = per_second(reading, field);
  return rate ? std::optional<double>(*rate / kMicroseconds) : std::nullopt;
}

// The two reads are never exactly a tick apart.
std::optional<double> share_of_time(const Reading& reading, std::size_t field) {
  const auto rate = seconds_per_second(reading, field);
  return rate ? std::optional<double>(std::min(*rate, 1.0)) : std::nullopt;
}

std::optional<double> throttled_share(const Reading& reading) {
  const auto periods = per_second(reading, places().periods);
  const auto throttled = per_second(reading, places().throttled);
  if (!periods || !throttled || *periods <= 0) return std::nullopt;
  return *throttled / *periods;
}

void fill(Row& row, const Reading& reading) {
  const auto set = [&row](Column column, std::optional<double> value) {
    row.values.at(static_cast<std::size_t>(column)) = value;
  };
  const Places& at = places();
  set(Column::cpu, seconds_per_second(reading, at.usage));
  set(Column::throttled, throttled_share(reading));
  set(Column::lost, seconds_per_second(reading, at.lost));
  set(Column::memory, number(reading.now.at(at.memory)));
  set(Column::memory_some, share_of_time(reading, at.memory_some));
  set(Column::memory_full, share_of_time(reading, at.memory_full));
  set(Column::cpu_some, share_of_time(reading, at.cpu_some));
  set(Column::cpu_full, share_of_time(reading, at.cpu_full));
  set(Column::io_some, share_of_time(reading, at.io_some));
  set(Column::io_full, share_of_time(reading, at.io_full));
  set(Column::read, per_second(reading, at.read));
  set(Column::write, per_second(reading, at.write));
  set(Column::pids, number(reading.now.at(at.pids)));
  set(Column::oom_kill, number(reading.now.at(at.oom_kill)));
}

class Limits {
 public:
  explicit Limits(const std::vector<Row>& rows) {
    for (const Row& row : rows) own_.emplace(row.path, row.now.at(places().memory_max));
  }

  void fill(Row& row) const {
    std::optional<std::uint64_t> smallest;
    for (std::string_view path = row.path; !path.empty(); path = cgroup::parent_path(path)) {
      const auto own = own_.find(path);
      if (own == own_.end() || !own->second) continue;
      if (!smallest || *own->second < *smallest) {
        smallest = own->second;
        if (*smallest != cgroup::kNoLimit) row.limit_of = path;
      }
    }
    if (!smallest) return;
    const bool unlimited = *smallest == cgroup::kNoLimit;
    const double limit = unlimited ? kUnlimited : static_cast<double>(*smallest);
    row.values.at(static_cast<std::size_t>(Column::limit)) = limit;
    const auto memory = row.value(Column::memory);
    if (memory && !unlimited && limit > 0) {
      row.values.at(static_cast<std::size_t>(Column::share)) = *memory / limit;
    }
  }

 private:
  std::unordered_map<std::string_view, std::optional<std::uint64_t>> own_;
};

std::string joined(std::initializer_list<std::string_view> words) {
  std::string text;
  for (const auto word : words) {
    if (word.empty()) continue;
    if (!text.empty()) text += '/';
    text += word;
  }
  return text;
}

std::string_view last_part(std::string_view path) {
  return path == "/" ? path : path.substr(path.rfind('/') + 1);
}

}  // namespace

std::optional<std::uint64_t> Numbers::at(std::size_t field) const {
  if (field >= present.size() || present[field] == 0) return std::nullopt;
  return values[field];
}

std::optional<std::uint64_t> Numbers::at(std::string_view field) const {
  const auto index = cgroup::field_index(field);
  return index ? at(*index) : std::nullopt;
}

std::vector<std::optional<double>> rates_of(const Numbers& before, const Numbers& now,
                                            Usec between) {
  const auto fields = cgroup::fields();
  std::vector<std::optional<double>> rates(fields.size());
  if (between.count() == 0) return rates;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto earlier = before.at(i);
    const auto later = now.at(i);
    if (fields[i].kind != cgroup::FieldKind::counter || !earlier || !later) continue;
    // A controller that was switched off and on counts from 0 again.
    if (*later < *earlier) continue;
    rates[i] = static_cast<double>(*later - *earlier) * kMicroseconds /
               static_cast<double>(between.count());
  }
  return rates;
}

Frame make_frame(Usec time, std::optional<Usec> between, std::vector<Reading> readings) {
  Frame frame{time, between, 0, {}};
  frame.rows.reserve(readings.size());
  for (Reading& reading : readings) {
    Row row;
    fill(row, reading);
    row.name = name_of(reading.path, reading.identity);
    row.path = std::move(reading.path);
    row.id = reading.id;
    row.identity = std::move(reading.identity);
    row.now = std::move(reading.now);
    frame.rows.push_back(std::move(row));
  }
  std::ranges::sort(frame.rows, {}, &Row::path);
  const Limits limits(frame.rows);
  for (Row& row : frame.rows) limits.fill(row);
  return frame;
}

std::string name_of(std::string_view path, const identity::Identity& identity) {
  using enum identity::Kind;
  std::string name;
  switch (identity.kind) {
    case workload:
    case machine:
    case vm:
      name = identity.container;
      break;
    case container:
    case sandbox:
      name = joined({identity.pod_namespace, identity.pod, identity.container});
      if (identity.container.empty() && !identity.container_id.empty()) {
        name = joined({name, identity.container_id.substr(0, kContainerIdDigits)});
      }
      break;
    case pod:
      name =
          joined({identity.pod_namespace, identity.pod.empty() ? identity.pod_uid : identity.pod});
      break;
    case service:
    case scope:
    case unit:
      name = identity.unit;
      break;
    case session:
      if (!identity.session.empty()) name = "session " + identity.session;
      break;
    case group:
    case root:
    case slice:
      break;
  }
  return name.empty() ? std::string(last_part(path)) : name;
}

std::string store_name_of(const identity::Identity& identity) {
  if (identity.kind == identity::Kind::workload) return identity.container;
  const auto subject = identity::subject_of(identity);
  return subject ? identity::to_key(*subject) : "";
}

bool is_called(std::string_view path, const identity::Identity& identity, std::string_view name) {
  diagnosis::RecordedCgroup cgroup;
  cgroup.path = path;
  cgroup.identity = identity;
  return cgroup.is_called(name);
}

void keep_called(Frame& frame, std::string_view name) {
  if (name.empty()) return;
  // What is inside has the unit and the container of what it is inside of, but not its path.
  const auto wanted = [&](const Row& row) {
    if (is_called(row.path, row.identity, name)) return true;
    return row.path.starts_with(name) && row.path.size() > name.size() &&
           (name == "/" || row.path[name.size()] == '/');
  };
  std::erase_if(frame.rows, [&](const Row& row) { return !wanted(row); });
}

}  // namespace cgwarden::cli::top
