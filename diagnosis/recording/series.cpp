#include <algorithm>

#include "cgroup/sampled_files.h"
#include "diagnosis/recording/recording.h"

namespace cgwarden::diagnosis {
namespace {

constexpr std::size_t kContainerIdDigits = 12;

std::optional<std::size_t> index_of(const std::vector<cgroup::Field>& fields,
                                    std::string_view name) {
  const auto at = std::ranges::find(fields, name, &cgroup::Field::name);
  if (at == fields.end()) return std::nullopt;
  return static_cast<std::size_t>(at - fields.begin());
}

// Those of other files stand still for some ticks and then grow at once.
bool is_of_every_tick(std::string_view name) {
  const cgroup::SampledFile* best = nullptr;
  for (const auto& file : cgroup::sampled_files()) {
    const bool fits = name.starts_with(file.name) &&
                      (name.size() == file.name.size() || name[file.name.size()] == '.');
    if (fits && (best == nullptr || file.name.size() > best->name.size())) best = &file;
  }
  return best != nullptr && best->tier == cgroup::Tier::tick;
}

}  // namespace

std::string_view RecordedCgroup::workload() const {
  return identity.kind == identity::Kind::workload || identity.runtime == "cgwarden"
             ? std::string_view(identity.container)
             : std::string_view();
}

bool RecordedCgroup::is_called(std::string_view name) const {
  if (name.empty()) return false;
  if (path == name || identity.unit == name || identity.container == name || identity.pod == name) {
    return true;
  }
  return name.size() >= kContainerIdDigits && identity.container_id.starts_with(name);
}

std::optional<std::uint64_t> Series::value(std::size_t field, std::size_t i) const {
  const std::size_t at = i * fields.size() + field;
  if (at >= present_.size() || present_[at] == 0) return std::nullopt;
  return values_[at];
}

std::optional<double> Series::rate(std::size_t field, std::size_t i) const {
  if (i == 0) return std::nullopt;
  return rate_between(field, i - 1, i);
}

std::optional<double> Series::rate_between(std::size_t field, std::size_t from,
                                           std::size_t until) const {
  if (fields[field].kind != cgroup::FieldKind::counter || from >= until) return std::nullopt;
  const auto restart = std::ranges::upper_bound(starts, from);
  if (restart != starts.end() && *restart <= until) return std::nullopt;
  const auto before = value(field, from);
  const auto after = value(field, until);
  if (!before || !after || *after < *before || times[until] <= times[from]) return std::nullopt;
  return static_cast<double>(*after - *before) * 1e6 /
         static_cast<double>((times[until] - times[from]).count());
}

std::optional<std::size_t> Series::field(std::string_view name) const {
  return index_of(fields, name);
}

void Series::append(Usec time, bool start, std::span<const std::uint64_t> value,
                    std::span<const std::uint8_t> present) {
  if (start) starts.push_back(times.size());
  times.push_back(time);
  values_.insert(values_.end(), value.begin(), value.end());
  present_.insert(present_.end(), present.begin(), present.end());
}

void Series::append(const Series& piece) {
  for (const std::size_t start : piece.starts) starts.push_back(times.size() + start);
  times.insert(times.end(), piece.times.begin(), piece.times.end());
  values_.insert(values_.end(), piece.values_.begin(), piece.values_.end());
  present_.insert(present_.end(), piece.present_.begin(), piece.present_.end());
}

std::optional<std::size_t> RecordedMoment::field(std::string_view name) const {
  return index_of(fields, name);
}

std::optional<std::uint64_t> RecordedMoment::value(const Row& row, std::size_t field) {
  return row.samples.value(field, row.samples.times.size() - 1);
}

std::optional<double> RecordedMoment::rate(const Row& row, std::size_t field) {
  const std::size_t last = row.samples.times.size() - 1;
  if (is_of_every_tick(row.samples.fields[field].name)) return row.samples.rate(field, last);
  // The longest of them, after the last start.
  const std::size_t from = row.samples.starts.empty() ? 0 : row.samples.starts.back();
  return row.samples.rate_between(field, from, last);
}

}  // namespace cgwarden::diagnosis
