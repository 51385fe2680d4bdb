#pragma once

#include <span>
#include <string>
#include <string_view>

#include "policy/resources.h"
#include "policy/schema.h"

namespace cgwarden::policy {

// How the text of a value may look: what the JSON Schema says of it.
enum class ValueForm {
  weight,
  truth,
  quota,
  duration,
  size,
  id_list,
  pids,
  device_weight,    // a weight, or a map of devices to weights
  device_rates,     // a map of devices to rates
  device_duration,  // a map of devices to durations
};

// One key of the resources block. The parser and the JSON Schema are made from the same rows.
struct ResourceKey {
  std::string_view block;  // "memory"
  std::string_view key;    // "swap.max"
  std::string_view file;   // "memory.swap.max"
  ValueForm form;
  bool takes_percentage;
  std::string_view description;
  // Fills the member from a text. False, with the error reported, when it is not a value.
  bool (*read)(const Node& node, std::string_view name, Resources& out, Findings& findings);
};

// Grouped by block.
[[nodiscard]] std::span<const ResourceKey> resource_keys();

// How to write a block.
[[nodiscard]] std::string_view example_of_block(std::string_view block);

}  // namespace cgwarden::policy
