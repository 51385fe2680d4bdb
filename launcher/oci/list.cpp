#include <nlohmann/json.hpp>

#include <cstdio>

#include "launcher/oci/commands.h"
#include "launcher/oci/container.h"

namespace cgwarden::launcher::oci {
namespace {

struct Row {
  ContainerRecord record;
  ContainerStatus status = ContainerStatus::stopped;
};

// Containers that vanish while they are read, or are not made yet, are left out.
Outcome<std::vector<Row>> rows(const Global& global) {
  std::vector<Row> rows;
  CGW_ASSIGN(const std::vector<std::string> ids, container_ids(global.root));
  for (const auto& id : ids) {
    const auto container = Container::open(global.root, id);
    if (!container) continue;
    auto record = container->record();
    if (!record) continue;
    const ContainerStatus status = status_of(*record);
    rows.push_back({std::move(*record), status});
  }
  return rows;
}

std::string as_json(const std::vector<Row>& rows) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& [record, status] : rows) {
    list.push_back(nlohmann::ordered_json::parse(state_json(record, status)));
  }
  return list.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string row(const std::string& id, const std::string& pid, const std::string& status,
                const std::string& bundle, const std::string& created, const std::string& owner) {
  const auto padded = [](std::string cell, std::size_t width) {
    if (cell.size() < width) cell.resize(width, ' ');
    return cell + " ";
  };
  return padded(id, 40) + padded(pid, 10) + padded(status, 9) + padded(bundle, 30) +
         padded(created, 30) + owner + "\n";
}

std::string as_table(const std::vector<Row>& rows) {
  std::string text = row("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER");
  for (const auto& [record, status] : rows) {
    const std::string pid =
        std::to_string(status == ContainerStatus::stopped || record.pid < 0 ? 0 : record.pid);
    const nlohmann::json shown = nlohmann::json::parse(state_json(record, status));
    text += row(record.id, pid, std::string(to_string(status)), record.bundle, record.created,
                shown.value("owner", ""));
  }
  return text;
}

}  // namespace

Outcome<int> list(const Global& global, const Words& words) {
  bool help = false;
  bool quiet = false;
  std::string format = "table";
  const std::vector<Option> options{
      {"format", 'f', "FORMAT", "table (default) or json", into(format)},
      {"quiet", 'q', nullptr, "ids only", into(quiet)},
      {"help", 'h', nullptr, "this text", into(help)}};
  CGW_ASSIGN(const Words positional, parse_options("list", words, options));
  if (help) return print_help("list [--format FORMAT] [--quiet]", "Lists containers.", options);
  if (!positional.empty()) return refuse("list takes no container id", kUsage);
  if (format != "table" && format != "json") {
    return refuse("list has the formats table and json", kUsage);
  }
  CGW_ASSIGN(const std::vector<Row> found, rows(global));
  if (quiet) {
    std::string ids;
    for (const auto& row : found) ids += row.record.id + "\n";
    return print(ids);
  }
  return print(format == "json" ? as_json(found) : as_table(found));
}

}  // namespace cgwarden::launcher::oci
