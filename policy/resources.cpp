#include "policy/resources.h"

#include "policy/resource_schema.h"

namespace cgwarden::policy {
namespace {

// One key of a controller's map: its reader fills a member of Resources.
template <typename T, typename Parse>
void read_knob(MapReader& controller, std::string_view key, std::optional<T>& member,
               Resources& resources, Findings& findings, Parse parse) {
  const Node* node = controller.find(key);
  if (node == nullptr) return;
  const auto value = read_value(*node, controller.name(key), findings, parse);
  if (!value) return;
  member = static_cast<T>(*value);
  resources.positions[controller.name(key)] = findings.source().position(node->key_place);
}

void read_cpu(MapReader& cpu, Resources& out, Findings& findings) {
  read_knob(cpu, "weight", out.cpu_weight, out, findings, [](std::string_view text) {
    auto weight = parse_count(text, 1, 10000);
    if (!weight && weight.error().hint.empty()) {
      weight.error().hint = "the kernel refuses it (ERANGE); 100 is the weight of all others";
    }
    return weight;
  });
  read_knob(cpu, "max", out.cpu_max, out, findings, parse_cpu_quota);
  read_knob(cpu, "idle", out.cpu_idle, out, findings, parse_truth);
  // The control file is cpu.max.burst; the key is what a person says.
  const Node* burst = cpu.find("burst");
  if (burst == nullptr) return;
  out.cpu_max_burst = read_value(*burst, "cpu.burst", findings, parse_duration);
  if (out.cpu_max_burst) {
    out.positions["cpu.max.burst"] = findings.source().position(burst->key_place);
  }
}

void read_memory(MapReader& memory, Resources& out, Findings& findings) {
  // As a hard or soft limit 0 stops everything; as a protection or for swap it is the usual value.
  const auto above_zero = [](std::string_view text) -> Parsed<LimitOf<Bytes>> {
    auto limit = parse_memory_limit(text);
    if (limit && !is_max(*limit) && std::get<Bytes>(*limit).value == 0) {
      return std::unexpected(ValueFault{
          "no process can run without memory: the kernel reclaims or kills until none is left",
          "write max for no limit"});
    }
    return limit;
  };
  read_knob(memory, "min", out.memory_min, out, findings, parse_memory_limit);
  read_knob(memory, "low", out.memory_low, out, findings, parse_memory_limit);
  read_knob(memory, "high", out.memory_high, out, findings, above_zero);
  read_knob(memory, "max", out.memory_max, out, findings, above_zero);
  read_knob(memory, "swap.max", out.memory_swap_max, out, findings, parse_memory_limit);
  read_knob(memory, "oom.group", out.memory_oom_group, out, findings, parse_truth);
}

void read_pids(MapReader& pids, Resources& out, Findings& findings) {
  read_knob(pids, "max", out.pids_max, out, findings, parse_pids_limit);
}

template <typename Read>
void read_controller(MapReader& map, std::string_view controller, std::string_view example,
                     Resources& resources, Findings& findings, Read read) {
  const Node* node = map.find(controller);
  if (node == nullptr) return;
  if (node->kind != NodeKind::map) {
    report_kind(*node, map.name(controller), "a map", example, findings);
    return;
  }
  // Named after the control files, wherever the block stands.
  MapReader reader(*node, std::string(controller) + ".", findings);
  read(reader, resources, findings);
  reader.refuse_unknown();
}

}  // namespace

bool Resources::empty() const {
  return !cpu_weight && !cpu_idle && !cpu_max && !cpu_max_burst && !memory_min && !memory_low &&
         !memory_high && !memory_max && !memory_swap_max && !memory_oom_group && !pids_max;
}

Resources read_resources(MapReader& map, Findings& findings) {
  Resources resources;
  read_controller(map, "cpu", "cpu: {weight: 200, max: 1.5}", resources, findings, read_cpu);
  read_controller(map, "memory", "memory: {high: 400MiB, max: 512MiB}", resources, findings,
                  read_memory);
  read_controller(map, "pids", "pids: {max: 100}", resources, findings, read_pids);
  lint_resources(resources, findings);
  return resources;
}

}  // namespace cgwarden::policy
