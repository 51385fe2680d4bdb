// Workload documents: where the output goes.
#include <variant>

#include "policy/workload_schema.h"

namespace cgwarden::policy {
namespace {

Parsed<Bytes> parse_log_size(std::string_view text) {
  const auto size = parse_memory_limit(text);
  if (!size) return std::unexpected(size.error());
  const Bytes* bytes = std::get_if<Bytes>(&*size);
  if (bytes == nullptr || bytes->value < kLogLeastBytes || bytes->value > kLogMostBytes) {
    return std::unexpected(ValueFault{"it is outside 64KiB to 256MiB", ""});
  }
  return *bytes;
}

}  // namespace

void read_log(MapReader& document, Workload& workload, Findings& findings) {
  const Node* node = document.find("log");
  if (node == nullptr) return;
  if (node->kind != NodeKind::map) {
    return report_kind(*node, "log", "a map", "log: {driver: file, maxSize: 4MiB}", findings);
  }
  MapReader map(*node, "log.", findings);
  WorkloadLog& log = workload.log;
  if (const Node* driver = map.find("driver")) {
    log.journal = read_word(*driver, "log.driver", {"file", "journal"}, findings) == "journal";
  }
  const Node* size = map.find("maxSize");
  const Node* files = map.find("maxFiles");
  if (size != nullptr) {
    log.max_size =
        read_value(*size, "log.maxSize", findings, parse_log_size).value_or(log.max_size);
  }
  if (files != nullptr) {
    const auto count = read_value(*files, "log.maxFiles", findings, [](std::string_view text) {
      return parse_count(text, 1, kLogMostFiles);
    });
    if (count) log.max_files = static_cast<unsigned>(*count);
  }
  if (log.journal && (size != nullptr || files != nullptr)) {
    findings.error(node->place, "the journal has limits of its own (journald.conf(5))",
                   "leave log.maxSize and log.maxFiles out");
  }
  map.refuse_unknown();
}

}  // namespace cgwarden::policy
