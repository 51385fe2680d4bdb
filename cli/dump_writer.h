#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cgroup/fields.h"
#include "diagnosis/recording/recording.h"

namespace cgwarden::cli {

// Samples as text in one of the formats of `cgwarden dump`, written as they come.
class DumpWriter {
 public:
  virtual ~DumpWriter() = default;
  // Whether all pieces of one life must come before those of another.
  [[nodiscard]] virtual bool by_life() const { return false; }
  [[nodiscard]] virtual Status begin() = 0;
  [[nodiscard]] virtual Status add(const diagnosis::RecordedCgroup& cgroup,
                                   const diagnosis::Series& piece) = 0;
  [[nodiscard]] virtual Status end() = 0;
};

// `format`: json, csv or openmetrics. `out` must live as long.
//
// json: one object per sample, one per line, in the array "samples" of one document. csv
// (RFC 4180): a line per sample, after one of names. openmetrics (1.0.0): a family per field with
// the names of docs/recording.md and timestamps; its families are kept in temporary files until the
// end, because none may be interrupted by another.
[[nodiscard]] std::unique_ptr<DumpWriter> make_dump_writer(const std::string& format,
                                                           std::vector<cgroup::Field> fields,
                                                           std::FILE* out);

// The family of a field: cgwarden_recorded_cpu_stat_usage_seconds of cpu.stat.usage_usec.
struct DumpFamily {
  std::string name;  // without _total
  std::string unit;  // "seconds", "bytes" or none
  double scale = 1;
};
[[nodiscard]] DumpFamily family_of(const cgroup::Field& field);

}  // namespace cgwarden::cli
