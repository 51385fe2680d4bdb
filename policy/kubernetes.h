#pragma once

#include <cstdint>
#include <string_view>

#include "policy/resources.h"
#include "policy/schema.h"

// What a kubelet makes of a container's requests and limits (pkg/kubelet/cm/helpers_linux.go).
namespace cgwarden::policy {

// How runtimes make a cgroup v2 weight of CPU shares.
enum class WeightFormula {
  logarithmic,  // crun 1.23, runc 1.3.2 and later: 1024 shares are 100
  linear,       // before: 1024 shares are 39
};

// MilliCPUToShares: 1024 for a CPU, 2 to 262144.
[[nodiscard]] std::uint64_t shares_of_millicores(std::uint64_t millicores);
// 1 to 10000 for shares from 2 to 262144; what is outside counts as the nearer end.
[[nodiscard]] std::uint32_t weight_of_shares(std::uint64_t shares, WeightFormula formula);

// "500m", "0.5", "2": thousandths of a CPU.
[[nodiscard]] Parsed<std::uint64_t> parse_millicores(std::string_view text);
// A Kubernetes quantity of bytes: 128Mi, 1.5Gi, 128M (1000s), 134217728.
[[nodiscard]] Parsed<Bytes> parse_quantity(std::string_view text);

// The keys requests, limits, weightFormula and memoryThrottlingFactor of `map`, as knobs:
// cpu.weight of requests.cpu (else of limits.cpu), cpu.max, memory.max of limits; with a factor
// (KEP-2570) also memory.min of requests.memory and memory.high between both. A knob that is given
// directly too is an error.
void read_kubernetes(MapReader& map, Resources& out, Findings& findings);

// Puts what `over` writes over what `base` has: the blocks are merged, and what changes by that is
// made anew, so that of a template and a policy comes what one document with both would give. A
// knob of `base` that depends on nothing of `over` stays as it is, and may be none. `over` keeps
// the knobs that it gives directly.
void merge_kubernetes(Resources& base, Resources& over);

// A request above its limit, and L13.
void lint_kubernetes(const Resources& resources, Findings& findings);

}  // namespace cgwarden::policy
