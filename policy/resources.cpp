#include "policy/resources.h"

#include <utility>

#include "policy/kubernetes.h"
#include "policy/resource_keys.h"
#include "policy/resource_schema.h"

namespace cgwarden::policy {
namespace {

bool is_percentage(const Node& node) {
  return node.kind == NodeKind::scalar && node.scalar.find('%') != std::string::npos &&
         node.scalar.find(" of") != std::string::npos;
}

bool read_percentage(const ResourceKey& row, const Node& node, std::string_view name,
                     Resources& out, Findings& findings) {
  const auto percentage = read_value(node, name, findings, parse_percentage);
  if (percentage) out.percentages[std::string(row.file)] = *percentage;
  return percentage.has_value();
}

void read_block(const Node& node, std::string_view block, Resources& out, Findings& findings) {
  // Named after the control files, wherever the block stands.
  MapReader reader(node, std::string(block) + ".", findings);
  for (const ResourceKey& row : resource_keys()) {
    if (row.block != block) continue;
    const Node* value = reader.find(row.key);
    if (value == nullptr) continue;
    const std::string name = reader.name(row.key);
    const bool good = row.takes_percentage && is_percentage(*value)
                          ? read_percentage(row, *value, name, out, findings)
                          : row.read(*value, name, out, findings);
    if (good) out.positions[std::string(row.file)] = findings.source().position(value->key_place);
  }
  reader.refuse_unknown();
}

}  // namespace

bool Resources::empty() const { return positions.empty(); }

Resources read_resources(MapReader& map, Findings& findings) {
  Resources resources;
  std::string_view last;
  for (const ResourceKey& row : resource_keys()) {
    if (std::exchange(last, row.block) == row.block) continue;
    const Node* node = map.find(row.block);
    if (node == nullptr) continue;
    if (node->kind == NodeKind::map) {
      read_block(*node, row.block, resources, findings);
    } else {
      report_kind(*node, map.name(row.block), "a map", example_of_block(row.block), findings);
    }
  }
  read_kubernetes(map, resources, findings);
  return resources;
}

}  // namespace cgwarden::policy
