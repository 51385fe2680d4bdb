#include "policy/adapted.h"

#include "policy/policy.h"

namespace cgwarden::policy {

const AdaptedValue* adapted_value(const AdaptedValues* values, CgroupId id) {
  if (values == nullptr) return nullptr;
  const auto found = values->find(id);
  return found == values->end() ? nullptr : &found->second;
}

bool has_loop(const Policy& policy, std::string_view file) {
  if (file == "cpu.max" || file == "cpu.max.burst") return policy.adapt.cpu.has_value();
  return file == "memory.high" && policy.adapt.memory_high.has_value();
}

Policy with_adapted(const Policy& policy, const AdaptedValue& value) {
  Policy made = policy;
  const auto put = [&](auto& member, const auto& wanted, const char* file,
                       const SourcePosition& loop) {
    if (!wanted) return;
    member = *wanted;
    made.resources.percentages.erase(file);
    made.resources.positions.insert_or_assign(file, loop);
  };
  const adapt::Settings& loops = policy.adapt;
  put(made.resources.cpu_max, value.cpu_max, "cpu.max", loops.cpu_position);
  put(made.resources.cpu_max_burst, value.cpu_max_burst, "cpu.max.burst", loops.cpu_position);
  put(made.resources.memory_high, value.memory_high, "memory.high",
      loops.memory_high ? loops.memory_high_position : loops.stall_position);
  return made;
}

}  // namespace cgwarden::policy
