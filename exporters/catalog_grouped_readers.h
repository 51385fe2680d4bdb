#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "cgroup/grouped_files.h"
#include "exporters/catalog_readers.h"
#include "exporters/escape.h"

// catalog_readers.h for what is read for an export group (cgroup/grouped_files.h).
namespace cgwarden::exporters::readers {

using cgroup::GroupedFiles;

// Percentages are shown as ratios, the base unit.
inline Value to_value(cgroup::Percent percent) {
  return Value::real(static_cast<double>(percent.hundredths) / 10000);
}
inline Value to_value(bool flag) { return Value::count(flag ? 1 : 0); }

// nullopt without a value, and where a limit is "max".
template <typename T>
std::optional<Value> value_of(const std::optional<T>& value) {
  if (!value) return std::nullopt;
  return to_value(*value);
}
template <typename T>
std::optional<Value> value_of(const std::optional<LimitOf<T>>& limit) {
  if (!limit || is_max(*limit)) return std::nullopt;
  return to_value(std::get<T>(*limit));
}

// A file of one value.
template <auto File>
std::optional<Value> grouped_single(const Sample& sample) {
  if (!sample.grouped) return std::nullopt;
  return value_of((*sample.grouped).*File);
}

// The same of a file that Sample itself has.
template <auto File>
std::optional<Value> own_single(const Sample& sample) {
  return value_of(sample.*File);
}

template <typename Device>
std::string device_label(const Device& device) {
  return label("device", std::to_string(device.major) + ":" + std::to_string(device.minor));
}

// The first rows of a file that is a list, as many as a page shows.
template <auto File>
auto grouped_rows(const Sample& sample, std::size_t most) {
  using Rows = std::remove_cvref_t<decltype(*(std::declval<GroupedFiles>().*File))>;
  std::span<const typename Rows::value_type> rows;
  if (sample.grouped && (*sample.grouped).*File) rows = *((*sample.grouped).*File);
  return rows.first(std::min(rows.size(), most));
}

// A key of a file with a line for each device; `Show` makes a Value of it.
template <auto File, auto Key, auto Show>
void grouped_devices(const Sample& sample, LineSink& sink) {
  for (const auto& device : grouped_rows<File>(sample, limits::kExportedDevices)) {
    if (device.*Key) sink.line(device_label(device), Show(*(device.*Key)));
  }
}

inline Value usec_value(std::uint64_t usec) { return Value::seconds(Usec{usec}); }

// A file of which the value is a word, as a label of the value 1.
template <auto File>
void word(const Sample& sample, std::string_view name, LineSink& sink) {
  if (!sample.grouped || !((*sample.grouped).*File)) return;
  sink.line(label(name, *((*sample.grouped).*File)), Value::count(1));
}

}  // namespace cgwarden::exporters::readers
