#include "policy/kubernetes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "policy/resource_merge.h"

namespace cgwarden::policy {
namespace {

constexpr std::uint64_t kFewestShares = 2;
constexpr std::uint64_t kMostShares = 262144;
constexpr std::uint64_t kMostMillicores = 8192ULL * 1000;
constexpr std::uint64_t kMostQuantity = 1ULL << 62;
constexpr const char* kRequestsExample = "requests: {cpu: 500m, memory: 256Mi}";

struct QuantityUnit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array kQuantityUnits{
    QuantityUnit{"", 1},
    QuantityUnit{"k", 1000},
    QuantityUnit{"M", 1000ULL * 1000},
    QuantityUnit{"G", 1000ULL * 1000 * 1000},
    QuantityUnit{"T", 1000ULL * 1000 * 1000 * 1000},
    QuantityUnit{"Ki", 1ULL << 10},
    QuantityUnit{"Mi", 1ULL << 20},
    QuantityUnit{"Gi", 1ULL << 30},
    QuantityUnit{"Ti", 1ULL << 40},
};

// number * 1000 of a decimal number with at most three places.
std::optional<std::uint64_t> thousandths(std::string_view number) {
  const std::size_t point = number.find('.');
  std::string digits(number.substr(0, point));
  std::string places;
  if (point != std::string_view::npos) places = number.substr(point + 1);
  if (digits.empty() || places.size() > 3 || (point != std::string_view::npos && places.empty())) {
    return std::nullopt;
  }
  places.resize(3, '0');
  return parse_integer<std::uint64_t>(digits + places);
}

constexpr std::string_view kRequestsCpu = "requests.cpu";
constexpr std::string_view kRequestsMemory = "requests.memory";
constexpr std::string_view kLimitsCpu = "limits.cpu";
constexpr std::string_view kLimitsMemory = "limits.memory";
constexpr std::string_view kFormula = "weightFormula";
constexpr std::string_view kFactor = "memoryThrottlingFactor";

const KubernetesQuantity* find_quantity(const KubernetesBlock& block, std::string_view name) {
  const auto found = block.find(name);
  return found == block.end() ? nullptr : &found->second;
}

bool is_linear(const KubernetesBlock& block) {
  const auto* formula = find_quantity(block, kFormula);
  return formula != nullptr && formula->value == static_cast<std::uint64_t>(WeightFormula::linear);
}

// A knob that comes of a block.
struct Made {
  std::string_view file;
  std::string_view name;  // the quantity that it is told to come of
  SourcePosition position;
  std::vector<std::string_view> of;  // all that it depends on
  std::uint64_t value = 0;           // of cpu.max the quota
};

std::uint64_t whole_pages(std::uint64_t bytes) { return bytes / kPageBytes * kPageBytes; }

void make_cpu(const KubernetesBlock& block, std::vector<Made>& made) {
  const auto* requests = find_quantity(block, kRequestsCpu);
  const auto* limits = find_quantity(block, kLimitsCpu);
  if (const auto* from = requests != nullptr ? requests : limits; from != nullptr) {
    const std::string_view name = requests != nullptr ? kRequestsCpu : kLimitsCpu;
    const WeightFormula formula =
        is_linear(block) ? WeightFormula::linear : WeightFormula::logarithmic;
    made.push_back({"cpu.weight",
                    name,
                    from->position,
                    {name, kFormula},
                    weight_of_shares(shares_of_millicores(from->value), formula)});
  }
  if (limits != nullptr) {
    const std::uint64_t quota = limits->value * kDefaultCpuPeriod.count() / 1000;
    made.push_back({"cpu.max",
                    kLimitsCpu,
                    limits->position,
                    {kLimitsCpu},
                    std::max<std::uint64_t>(quota, kMinCpuQuota.count())});
  }
}

// KEP-2570: floor((request + factor * (limit - request)) / page) * page.
void make_memory(const KubernetesBlock& block, std::vector<Made>& made) {
  const auto* requests = find_quantity(block, kRequestsMemory);
  const auto* limits = find_quantity(block, kLimitsMemory);
  const auto* permille = find_quantity(block, kFactor);
  if (limits != nullptr) {
    made.push_back({"memory.max",
                    kLimitsMemory,
                    limits->position,
                    {kLimitsMemory},
                    whole_pages(limits->value)});
  }
  if (permille == nullptr || requests == nullptr) return;
  const std::uint64_t request = requests->value;
  made.push_back({"memory.min",
                  kRequestsMemory,
                  requests->position,
                  {kRequestsMemory, kFactor},
                  whole_pages(request)});
  if (limits == nullptr || limits->value <= request) return;
  const std::uint64_t room = limits->value - request;
  const std::uint64_t part = room / 1000 * permille->value + room % 1000 * permille->value / 1000;
  made.push_back({"memory.high",
                  kFactor,
                  limits->position,
                  {kRequestsMemory, kLimitsMemory, kFactor},
                  whole_pages(request + part)});
}

std::vector<Made> knobs_of(const KubernetesBlock& block) {
  std::vector<Made> made;
  make_cpu(block, made);
  make_memory(block, made);
  return made;
}

void put(const Made& made, Resources& out) {
  out.positions[std::string(made.file)] = made.position;
  if (made.file == "cpu.weight") out.cpu_weight = static_cast<std::uint32_t>(made.value);
  if (made.file == "cpu.max") out.cpu_max = cgroup::CpuMax{Usec{made.value}, kDefaultCpuPeriod};
  if (made.file == "memory.min") out.memory_min = Bytes{made.value};
  if (made.file == "memory.high") out.memory_high = Bytes{made.value};
  if (made.file == "memory.max") out.memory_max = Bytes{made.value};
}

// Is the knob in `resources` this one, and not one that is given directly?
bool is_in_force(const Made& made, const Resources& resources) {
  const auto found = resources.positions.find(std::string(made.file));
  return found != resources.positions.end() && found->second == made.position;
}

bool depends_on(const Made& made, const KubernetesBlock& block) {
  return std::ranges::any_of(made.of, [&](std::string_view name) { return block.contains(name); });
}

void read_quantities(MapReader& map, std::string_view key, Resources& out, Findings& findings) {
  const Node* node = map.find(key);
  if (node == nullptr) return;
  if (node->kind != NodeKind::map) {
    report_kind(*node, key, "a map", kRequestsExample, findings);
    return;
  }
  const bool requests = key == "requests";
  MapReader reader(*node, std::string(key) + ".", findings);
  if (const Node* cpu = reader.find("cpu")) {
    if (const auto value = read_value(*cpu, reader.name("cpu"), findings, parse_millicores)) {
      out.kubernetes[requests ? kRequestsCpu : kLimitsCpu] = {
          *value, findings.source().position(cpu->key_place)};
    }
  }
  if (const Node* memory = reader.find("memory")) {
    if (const auto value = read_value(*memory, reader.name("memory"), findings, parse_quantity)) {
      out.kubernetes[requests ? kRequestsMemory : kLimitsMemory] = {
          value->value, findings.source().position(memory->key_place)};
    }
  }
  reader.refuse_unknown();
}

}  // namespace

std::uint64_t shares_of_millicores(std::uint64_t millicores) {
  return std::clamp(millicores * 1024 / 1000, kFewestShares, kMostShares);
}

std::uint32_t weight_of_shares(std::uint64_t shares, WeightFormula formula) {
  const std::uint64_t within = std::clamp(shares, kFewestShares, kMostShares);
  if (formula == WeightFormula::linear) {
    return static_cast<std::uint32_t>(1 + (within - 2) * 9999 / 262142);
  }
  const double log = std::log2(static_cast<double>(within));
  const double exponent = (log * log + 125 * log) / 612 - 7.0 / 34;
  return static_cast<std::uint32_t>(std::clamp(std::ceil(std::pow(10, exponent)), 1.0, 10000.0));
}

Parsed<std::uint64_t> parse_millicores(std::string_view text) {
  static constexpr const char* kExample = "for example: 500m, 0.5 or 2";
  std::optional<std::uint64_t> value;
  if (text.ends_with('m')) {
    value = parse_integer<std::uint64_t>(text.substr(0, text.size() - 1));
  } else {
    value = thousandths(text);
  }
  if (!value) return std::unexpected(ValueFault{"it is not a number of CPUs", kExample});
  if (*value == 0 || *value > kMostMillicores) {
    return std::unexpected(ValueFault{"it is outside 1m to 8192 CPUs", kExample});
  }
  return *value;
}

Parsed<Bytes> parse_quantity(std::string_view text) {
  static constexpr const char* kExample = "for example: 256Mi, 1.5Gi or 268435456";
  const std::size_t end = text.find_first_not_of("0123456789.");
  const std::string_view unit = end == std::string_view::npos ? "" : text.substr(end);
  const auto* const found = std::ranges::find(kQuantityUnits, unit, &QuantityUnit::name);
  if (found == kQuantityUnits.end()) {
    return std::unexpected(
        ValueFault{fmt::format("\"{}\" is not a unit of Kubernetes", unit), kExample, "L40"});
  }
  const auto value = thousandths(text.substr(0, end));
  if (!value) return std::unexpected(ValueFault{"it is not a size", kExample});
  if (*value / 1000 >= kMostQuantity / found->factor) {
    return std::unexpected(ValueFault{"it is too large", kExample});
  }
  const Bytes bytes{*value / 1000 * found->factor + *value % 1000 * found->factor / 1000};
  if (bytes.value < kPageBytes) {
    return std::unexpected(
        ValueFault{fmt::format("the kernel counts pages of {} bytes and would store 0", kPageBytes),
                   kExample, "L16"});
  }
  return bytes;
}

void read_kubernetes(MapReader& map, Resources& out, Findings& findings) {
  read_quantities(map, "requests", out, findings);
  read_quantities(map, "limits", out, findings);
  if (const Node* node = map.find(kFormula)) {
    const auto word = read_word(*node, map.name(kFormula), {"logarithmic", "linear"}, findings);
    const WeightFormula formula =
        word && *word == "linear" ? WeightFormula::linear : WeightFormula::logarithmic;
    out.kubernetes[kFormula] = {static_cast<std::uint64_t>(formula),
                                findings.source().position(node->key_place)};
  }
  if (const Node* node = map.find(kFactor)) {
    const auto permille = read_value(
        *node, map.name(kFactor), findings, [](std::string_view text) -> Parsed<std::uint64_t> {
          const auto value = thousandths(text);
          if (value && *value > 0 && *value <= 1000) return *value;
          return std::unexpected(
              ValueFault{"it must be above 0 and at most 1", "for example: 0.9"});
        });
    if (permille) {
      out.kubernetes[kFactor] = {*permille, findings.source().position(node->key_place)};
    }
  }
  for (const Made& made : knobs_of(out.kubernetes)) {
    const auto given = out.positions.find(std::string(made.file));
    if (given == out.positions.end()) {
      put(made, out);
      continue;
    }
    findings.error(made.position,
                   fmt::format("{} gives {}, which line {} gives too", made.name, made.file,
                               given->second.line),
                   "remove one of them", "L33");
  }
}

void merge_kubernetes(Resources& base, Resources& over) {
  for (const Made& made : knobs_of(base.kubernetes)) {
    if (depends_on(made, over.kubernetes) && is_in_force(made, base)) erase_knob(base, made.file);
  }
  for (const Made& made : knobs_of(over.kubernetes)) {
    if (is_in_force(made, over)) erase_knob(over, made.file);
  }
  for (const auto& [name, quantity] : over.kubernetes) base.kubernetes[name] = quantity;
  for (const Made& made : knobs_of(base.kubernetes)) {
    if (!depends_on(made, over.kubernetes)) continue;
    erase_knob(base, made.file);
    put(made, base);
  }
}

void lint_kubernetes(const Resources& resources, Findings& findings) {
  const KubernetesBlock& block = resources.kubernetes;
  const auto is_above = [&](std::string_view request, std::string_view limit) {
    const auto* requests = find_quantity(block, request);
    const auto* limits = find_quantity(block, limit);
    return requests != nullptr && limits != nullptr && requests->value > limits->value;
  };
  if (is_above(kRequestsCpu, kLimitsCpu)) {
    findings.error(block.at(kRequestsCpu).position, "requests.cpu is above limits.cpu",
                   "lower it to the limit");
  }
  if (is_above(kRequestsMemory, kLimitsMemory)) {
    findings.error(block.at(kRequestsMemory).position, "requests.memory is above limits.memory",
                   "lower it to the limit", "L17");
  }
  if (!is_linear(block)) return;
  for (const Made& made : knobs_of(block)) {
    if (made.file != "cpu.weight" || !is_in_force(made, resources)) continue;
    findings.warning(made.position,
                     fmt::format("the linear formula makes cpu.weight {} of it, where services of "
                                 "systemd have 100",
                                 made.value),
                     "leave weightFormula out for what newer runtimes do", "L13");
  }
}

}  // namespace cgwarden::policy
