#include "cli/timeline.h"

#include <algorithm>
#include <array>
#include <utility>

namespace cgwarden::cli {
namespace {

constexpr double kUsecPerSecond = 1e6;

std::string life_key(const diagnosis::RecordedCgroup& cgroup) {
  return cgroup.boot + "/" + std::to_string(cgroup.id.value) + cgroup.path;
}

// One sample of a series as a series of its own.
diagnosis::Series one_of(const diagnosis::Series& series, std::size_t i) {
  diagnosis::Series one;
  one.fields = series.fields;
  std::vector<std::uint64_t> values;
  std::vector<std::uint8_t> present;
  for (std::size_t f = 0; f < series.fields.size(); ++f) {
    const auto value = series.value(f, i);
    values.push_back(value.value_or(0));
    present.push_back(value ? 1 : 0);
  }
  one.append(series.times[i], false, values, present);
  return one;
}

}  // namespace

Timeline::Timeline(const diagnosis::TimeRange& range, std::size_t columns,
                   const std::vector<std::string>& fields)
    : range_(range), columns_(std::max<std::size_t>(columns, 1)) {
  length_ = Usec((range.until - range.from).count() / columns_ + 1);
  if (!fields.empty()) {
    for (const std::string& name : fields) add_field(name);
    return;
  }
  const auto growth = [&](const char* label, const char* field, Unit unit) {
    add_line({label, unit, How::growth, want(field), 0,
              (unit == Unit::percent ? 100 : 1) / kUsecPerSecond});
  };
  growth("cpu", "cpu.stat.usage_usec", Unit::cores);
  add_line({"throttled", Unit::percent, How::share, want("cpu.stat.nr_throttled"),
            want("cpu.stat.nr_periods")});
  add_line(
      {"memory", Unit::bytes, How::most, want("memory.current"), 0, 1, want("memory.max") + 1});
  growth("cpu pressure", "cpu.pressure.some_usec", Unit::percent);
  growth("mem pressure", "memory.pressure.some_usec", Unit::percent);
  growth("io pressure", "io.pressure.some_usec", Unit::percent);
}

std::size_t Timeline::want(const std::string& field) {
  const auto at = std::ranges::find(fields_, field);
  if (at != fields_.end()) return static_cast<std::size_t>(at - fields_.begin());
  fields_.push_back(field);
  return fields_.size() - 1;
}

void Timeline::add_line(Line line) {
  lines_.push_back(std::move(line));
  cells_.emplace_back(columns_);
  limits_.emplace_back();
}

void Timeline::add_field(const std::string& name) {
  const auto known = cgroup::field_index(name);
  const auto kind = known ? cgroup::fields()[*known].kind : cgroup::FieldKind::gauge;
  if (kind == cgroup::FieldKind::counter) {
    add_line({name, Unit::per_second, How::growth, want(name)});
  } else {
    add_line({name, Unit::number, How::most, want(name)});
  }
}

std::optional<std::size_t> Timeline::column_at(Usec time) const {
  if (time < range_.from || time > range_.until) return std::nullopt;
  return std::min<std::size_t>((time - range_.from).count() / length_.count(), columns_ - 1);
}

void Timeline::add_growth(const Line& line, std::vector<Cell>& cells,
                          const diagnosis::Series& series, std::size_t i, std::size_t column) {
  const auto grown = [&](std::size_t field) -> std::optional<double> {
    if (!series.rate(field, i)) return std::nullopt;
    return static_cast<double>(*series.value(field, i) - *series.value(field, i - 1));
  };
  const auto growth = grown(line.field);
  const auto base =
      line.how == How::share
          ? grown(line.of)
          : std::optional(static_cast<double>((series.times[i] - series.times[i - 1]).count()) /
                          kUsecPerSecond);
  if (!growth || !base) return;
  Cell& cell = cells[column];
  cell.sum += *growth * (line.how == How::share ? 100 : line.scale);
  cell.base += *base;
  cell.any = true;
}

void Timeline::add_pair(const diagnosis::Series& series, std::size_t i) {
  const auto column = column_at(series.times[i]);
  if (!column) return;
  for (std::size_t l = 0; l < lines_.size(); ++l) {
    const Line& line = lines_[l];
    if (line.limit > 0) {
      const auto limit = series.value(line.limit - 1, i);
      if (limit && *limit != cgroup::kNoLimit) limits_[l] = static_cast<double>(*limit);
      if (limit && *limit == cgroup::kNoLimit) limits_[l].reset();
    }
    if (line.how != How::most) {
      if (i > 0) add_growth(line, cells_[l], series, i, *column);
      continue;
    }
    const auto value = series.value(line.field, i);
    if (!value || *value == cgroup::kNoLimit) continue;
    Cell& cell = cells_[l][*column];
    cell.sum = std::max(cell.sum, static_cast<double>(*value));
    cell.any = true;
  }
}

void Timeline::add(const diagnosis::RecordedCgroup& cgroup, const diagnosis::Series& piece) {
  if (piece.times.empty()) return;
  std::string life = life_key(cgroup);
  const bool goes_on = life == life_ && (piece.starts.empty() || piece.starts.front() != 0);
  life_ = std::move(life);
  if (goes_on) {
    previous_.append(piece);
    for (std::size_t i = 1; i < previous_.times.size(); ++i) add_pair(previous_, i);
  } else {
    for (std::size_t i = 0; i < piece.times.size(); ++i) add_pair(piece, i);
  }
  previous_ = one_of(piece, piece.times.size() - 1);
}

std::vector<Timeline::Row> Timeline::rows() const {
  std::vector<Row> rows;
  for (std::size_t l = 0; l < lines_.size(); ++l) {
    Row row{lines_[l].label, lines_[l].unit, {}, {}, limits_[l]};
    for (const Cell& cell : cells_[l]) {
      std::optional<double> value;
      if (cell.any && lines_[l].how == How::most) value = cell.sum;
      // No period passed: nothing ran, so nothing was throttled.
      if (cell.any && lines_[l].how != How::most) value = cell.base > 0 ? cell.sum / cell.base : 0;
      if (value) row.most = std::max(row.most.value_or(0), *value);
      row.columns.push_back(value);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string sparkline(const std::vector<std::optional<double>>& columns, double top, bool unicode) {
  static constexpr std::array<const char*, 9> kBlocks{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr std::array<const char*, 9> kAscii{"_", ".", ":", "-", "=", "+", "*", "%", "#"};
  std::string line;
  for (const auto& value : columns) {
    if (!value) {
      line += ' ';
      continue;
    }
    const double share = top > 0 ? std::clamp(*value / top, 0.0, 1.0) : 0;
    // Only nothing is nothing: a little shows.
    auto step = static_cast<std::size_t>(share * 8);
    if (*value > 0) step = std::max<std::size_t>(step, 1);
    line += unicode ? (step == 0 ? "▁" : kBlocks.at(step)) : kAscii.at(step);
  }
  return line;
}

}  // namespace cgwarden::cli
