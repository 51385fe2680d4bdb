#include "exporters/family_text.h"

#include "exporters/escape.h"

namespace cgwarden::exporters {
namespace {

std::string_view without_suffix(std::string_view name, std::string_view suffix) {
  if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  return name;
}

std::string_view type_name(MetricType type, Exposition exposition) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::info:
      return exposition == Exposition::openmetrics_1_0_0 ? "info" : "gauge";
    case MetricType::histogram:
      return "histogram";
  }
  return "unknown";
}

void append_line(std::string& out, std::string_view keyword, std::string_view name,
                 std::string_view text) {
  out += keyword;
  out += name;
  out += ' ';
  out += text;
  out += '\n';
}

}  // namespace

std::string_view family_name(const Metric& metric, Exposition exposition) {
  if (exposition != Exposition::openmetrics_1_0_0) return metric.name;
  if (metric.type == MetricType::counter) return without_suffix(metric.name, "_total");
  if (metric.type == MetricType::info) return without_suffix(metric.name, "_info");
  return metric.name;
}

void append_family_header(std::string& out, const Metric& metric, Exposition exposition) {
  const std::string_view name = family_name(metric, exposition);
  append_line(out, "# HELP ", name, escape_help(metric.help, exposition));
  append_line(out, "# TYPE ", name, type_name(metric.type, exposition));
  // OpenMetrics demands that the name end in the unit.
  if (exposition == Exposition::openmetrics_1_0_0 && !metric.unit.empty() &&
      name.ends_with(metric.unit)) {
    append_line(out, "# UNIT ", name, metric.unit);
  }
}

}  // namespace cgwarden::exporters
