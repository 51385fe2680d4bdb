#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diagnosis/recording/recording.h"

namespace cgwarden::cli {

// Samples of one name over time as rows of columns of equal length. Memory is that of the columns,
// however long the time. Pure.
//
//   Timeline timeline(range, 60, {});
//   recording.each(range, timeline.fields(), wanted, [&](auto& cgroup, auto& piece) {
//     timeline.add(cgroup, piece);
//     return true;
//   });
//   for (const Timeline::Row& row : timeline.rows()) ...
class Timeline {
 public:
  enum class Unit : std::uint8_t { number, bytes, cores, percent, per_second };
  struct Row {
    std::string label;
    Unit unit = Unit::number;
    std::vector<std::optional<double>> columns;  // absent: not recorded, or not there
    std::optional<double> most;
    std::optional<double> limit = {};  // the newest that was no "max"
  };
  // Without `fields`: cpu, throttled, memory, and the three pressures.
  Timeline(const diagnosis::TimeRange& range, std::size_t columns,
           const std::vector<std::string>& fields);

  [[nodiscard]] const std::vector<std::string>& fields() const { return fields_; }
  // Pieces of one life must come in the order of time.
  void add(const diagnosis::RecordedCgroup& cgroup, const diagnosis::Series& piece);
  [[nodiscard]] std::vector<Row> rows() const;
  // The column of a time; nullopt outside the range.
  [[nodiscard]] std::optional<std::size_t> column_at(Usec time) const;
  [[nodiscard]] Usec column_length() const { return length_; }

 private:
  enum class How : std::uint8_t { growth, share, most };
  struct Line {
    std::string label;
    Unit unit;
    How how;
    std::size_t field;      // in fields_
    std::size_t of = 0;     // of a share: the field it is a share of
    double scale = 1;       // of a growth per second
    std::size_t limit = 0;  // 1 more than the field of its limit
  };
  struct Cell {
    double sum = 0;
    double base = 0;  // seconds, or what it is a share of
    bool any = false;
  };
  std::size_t want(const std::string& field);
  void add_line(Line line);
  void add_field(const std::string& name);
  void add_pair(const diagnosis::Series& series, std::size_t i);
  void add_growth(const Line& line, std::vector<Cell>& cells, const diagnosis::Series& series,
                  std::size_t i, std::size_t column);

  diagnosis::TimeRange range_;
  std::size_t columns_;
  Usec length_{1};
  std::vector<std::string> fields_;
  std::vector<Line> lines_;
  std::vector<std::vector<Cell>> cells_;
  std::vector<std::optional<double>> limits_;
  std::string life_;            // of the last piece
  diagnosis::Series previous_;  // its last sample
};

// One character per column: Unicode blocks, or " .:-=+*#" in eight steps from 0 to `top`.
[[nodiscard]] std::string sparkline(const std::vector<std::optional<double>>& columns, double top,
                                    bool unicode);

}  // namespace cgwarden::cli
