#include <array>

#include "base/text.h"
#include "cgroup/format.h"
#include "cgroup/grouped_format.h"

namespace cgwarden::cgroup {
namespace {

struct RdmaField {
  std::string_view key;
  std::optional<LimitOf<std::uint64_t>> RdmaDevice::* member;
};

// kernel/cgroup/rdma.c rdmacg_resource_names[].
constexpr std::array kRdma{
    RdmaField{"hca_handle", &RdmaDevice::hca_handle},
    RdmaField{"hca_object", &RdmaDevice::hca_object},
};

bool store_pair(RdmaDevice& device, const NestedPair& pair) {
  for (const RdmaField& row : kRdma) {
    if (row.key != pair.key) continue;
    if (pair.value == "max") {
      device.*row.member = LimitOf<std::uint64_t>(Max{});
      return true;
    }
    const auto value = parse_integer<std::uint64_t>(pair.value);
    if (!value) return false;
    device.*row.member = LimitOf<std::uint64_t>(*value);
  }
  return true;
}

}  // namespace

Result<std::vector<RdmaDevice>> parse_rdma(std::string_view text, std::string_view where) {
  std::vector<RdmaDevice> devices;
  CGW_TRY(parse_nested_keyed(text, where,
                             [&](std::string_view key, const std::vector<NestedPair>& pairs) {
                               RdmaDevice device{std::string(key), {}, {}};
                               for (const NestedPair& pair : pairs) {
                                 if (!store_pair(device, pair)) return false;
                               }
                               devices.push_back(std::move(device));
                               return true;
                             }));
  return devices;
}

}  // namespace cgwarden::cgroup
