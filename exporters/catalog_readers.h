#pragma once

#include <optional>
#include <variant>

#include "exporters/catalog.h"

// Readers of Sample members for the tables in catalog_*.cpp, made from pointers to members:
// count<&Sample::cpu_stat, &CpuStat::nr_periods>. Each gives nullopt where the kernel gave nothing.
namespace cgwarden::exporters::readers {

using cgroup::Sample;

template <auto File, auto Key>
std::optional<Value> count(const Sample& sample) {
  const auto& file = sample.*File;
  if (!file) return std::nullopt;
  const cgroup::Count& value = (*file).*Key;
  if (!value) return std::nullopt;
  return Value::count(*value);
}

// A key in microseconds.
template <auto File, auto Key>
std::optional<Value> seconds(const Sample& sample) {
  const auto& file = sample.*File;
  if (!file) return std::nullopt;
  const cgroup::Count& value = (*file).*Key;
  if (!value) return std::nullopt;
  return Value::seconds(Usec{*value});
}

// Total stall time of the `some` or `full` line of a *.pressure file.
template <auto File, auto Line>
std::optional<Value> stall(const Sample& sample) {
  const auto& file = sample.*File;
  if (!file) return std::nullopt;
  const auto& line = (*file).*Line;
  if (!line) return std::nullopt;
  return Value::seconds(Usec{line->total_usec});
}

inline Value to_value(Bytes bytes) { return Value::count(bytes.value); }
inline Value to_value(std::uint64_t number) { return Value::count(number); }
inline Value to_value(std::uint32_t number) { return Value::count(number); }
inline Value to_value(Usec time) { return Value::seconds(time); }

// A file of one number.
template <auto File>
std::optional<Value> single(const Sample& sample) {
  const auto& file = sample.*File;
  if (!file) return std::nullopt;
  return to_value(*file);
}

// A file of one number or "max": no limit has no line.
template <auto File>
std::optional<Value> limit(const Sample& sample) {
  const auto& file = sample.*File;
  if (!file || is_max(*file)) return std::nullopt;
  return to_value(std::get<1>(*file));
}

template <auto File, auto Key>
std::optional<Value> flag(const Sample& sample) {
  const auto& file = sample.*File;
  if (!file) return std::nullopt;
  const std::optional<bool>& value = (*file).*Key;
  if (!value) return std::nullopt;
  return Value::count(*value ? 1 : 0);
}

// memory.current less the file cache the kernel reclaims first: what kubelet calls the working set.
inline std::optional<Value> working_set(const Sample& sample) {
  if (!sample.memory_current || !sample.memory_stat) return std::nullopt;
  const cgroup::Count& inactive = sample.memory_stat->inactive_file;
  if (!inactive) return std::nullopt;
  // The two files are read one after the other: the difference may be below 0 for a moment.
  const std::uint64_t current = sample.memory_current->value;
  return Value::count(current > *inactive ? current - *inactive : 0);
}

}  // namespace cgwarden::exporters::readers
