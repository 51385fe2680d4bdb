#include "policy/kubernetes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>

#include "base/text.h"

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

struct Block {
  std::optional<std::uint64_t> millicores;
  std::optional<Bytes> memory;
  SourcePosition cpu_position;
  SourcePosition memory_position;
};

Block read_quantities(MapReader& map, std::string_view key, Findings& findings) {
  Block block;
  const Node* node = map.find(key);
  if (node == nullptr) return block;
  if (node->kind != NodeKind::map) {
    report_kind(*node, key, "a map", kRequestsExample, findings);
    return block;
  }
  MapReader reader(*node, std::string(key) + ".", findings);
  if (const Node* cpu = reader.find("cpu")) {
    block.millicores = read_value(*cpu, reader.name("cpu"), findings, parse_millicores);
    block.cpu_position = findings.source().position(cpu->key_place);
  }
  if (const Node* memory = reader.find("memory")) {
    block.memory = read_value(*memory, reader.name("memory"), findings, parse_quantity);
    block.memory_position = findings.source().position(memory->key_place);
  }
  reader.refuse_unknown();
  return block;
}

// Marks a knob as written at `position`; an error when the file has it already.
bool claim(Resources& out, std::string_view file, const SourcePosition& position,
           std::string_view from, Findings& findings) {
  const auto [at, is_new] = out.positions.try_emplace(std::string(file), position);
  if (is_new) return true;
  findings.error(position,
                 fmt::format("{} gives {}, which line {} gives too", from, file, at->second.line),
                 "remove one of them", "L33");
  return false;
}

void put_weight(const Block& requests, const Block& limits, WeightFormula formula, Resources& out,
                Findings& findings) {
  const Block& from = requests.millicores ? requests : limits;
  if (!from.millicores) return;
  const char* name = requests.millicores ? "requests.cpu" : "limits.cpu";
  if (!claim(out, "cpu.weight", from.cpu_position, name, findings)) return;
  out.cpu_weight = weight_of_shares(shares_of_millicores(*from.millicores), formula);
  if (formula == WeightFormula::logarithmic) return;
  findings.warning(from.cpu_position,
                   fmt::format("the linear formula makes cpu.weight {} of it, where services of "
                               "systemd have 100",
                               *out.cpu_weight),
                   "leave weightFormula out for what newer runtimes do", "L13");
}

void put_limits(const Block& limits, Resources& out, Findings& findings) {
  if (limits.millicores && claim(out, "cpu.max", limits.cpu_position, "limits.cpu", findings)) {
    const std::uint64_t quota = *limits.millicores * kDefaultCpuPeriod.count() / 1000;
    out.cpu_max = cgroup::CpuMax{Usec{std::max<std::uint64_t>(quota, kMinCpuQuota.count())},
                                 kDefaultCpuPeriod};
  }
  if (limits.memory &&
      claim(out, "memory.max", limits.memory_position, "limits.memory", findings)) {
    out.memory_max = Bytes{limits.memory->value / kPageBytes * kPageBytes};
  }
}

// KEP-2570: floor((request + factor * (limit - request)) / page) * page.
void put_throttling(const Block& requests, const Block& limits, std::uint64_t permille,
                    Resources& out, Findings& findings) {
  if (!requests.memory) return;
  const std::uint64_t request = requests.memory->value;
  if (claim(out, "memory.min", requests.memory_position, "requests.memory", findings)) {
    out.memory_min = Bytes{request / kPageBytes * kPageBytes};
  }
  if (!limits.memory || limits.memory->value <= request) return;
  if (!claim(out, "memory.high", limits.memory_position, "memoryThrottlingFactor", findings)) {
    return;
  }
  const std::uint64_t room = limits.memory->value - request;
  const std::uint64_t high = request + room / 1000 * permille + room % 1000 * permille / 1000;
  out.memory_high = Bytes{high / kPageBytes * kPageBytes};
}

void check_order(const Block& requests, const Block& limits, Findings& findings) {
  if (requests.millicores && limits.millicores && *requests.millicores > *limits.millicores) {
    findings.error(requests.cpu_position, "requests.cpu is above limits.cpu",
                   "lower it to the limit");
  }
  if (requests.memory && limits.memory && *requests.memory > *limits.memory) {
    findings.error(requests.memory_position, "requests.memory is above limits.memory",
                   "lower it to the limit", "L17");
  }
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
  const Block requests = read_quantities(map, "requests", findings);
  const Block limits = read_quantities(map, "limits", findings);
  WeightFormula formula = WeightFormula::logarithmic;
  if (const Node* node = map.find("weightFormula")) {
    const auto word =
        read_word(*node, map.name("weightFormula"), {"logarithmic", "linear"}, findings);
    if (word && *word == "linear") formula = WeightFormula::linear;
  }
  std::optional<std::uint64_t> permille;
  if (const Node* node = map.find("memoryThrottlingFactor")) {
    permille = read_value(*node, map.name("memoryThrottlingFactor"), findings,
                          [](std::string_view text) -> Parsed<std::uint64_t> {
                            const auto value = thousandths(text);
                            if (value && *value > 0 && *value <= 1000) return *value;
                            return std::unexpected(
                                ValueFault{"it must be above 0 and at most 1", "for example: 0.9"});
                          });
  }
  check_order(requests, limits, findings);
  put_weight(requests, limits, formula, out, findings);
  put_limits(limits, out, findings);
  if (permille) put_throttling(requests, limits, *permille, out, findings);
}

}  // namespace cgwarden::policy
