#include <array>

#include "launcher/oci_sections.h"

// The parts of "linux.resources" that name devices: the allowed list and "blockIO".
namespace cgwarden::launcher {
namespace {

using nlohmann::json;

struct Throttle {
  const char* name;
  std::vector<DeviceRate> Resources::BlockIo::* rates;
};
constexpr std::array<Throttle, 4> kThrottles{
    {{"throttleReadBpsDevice", &Resources::BlockIo::read_bps},
     {"throttleWriteBpsDevice", &Resources::BlockIo::write_bps},
     {"throttleReadIOPSDevice", &Resources::BlockIo::read_iops},
     {"throttleWriteIOPSDevice", &Resources::BlockIo::write_iops}}};

// -1 stands for every device, as an absent number does.
void read_rule_number(ObjectReader& reader, const char* name, std::optional<std::int64_t>& to) {
  reader.integer(name, to);
  if (to == -1) to.reset();
  if (to.value_or(0) < 0) reader.complain(name, "must be -1 (every) or more");
}

template <typename Item>
void read_numbers(ObjectReader& reader, Item& item) {
  reader.require(reader.integer("major", item.major), "major");
  reader.require(reader.integer("minor", item.minor), "minor");
  if (item.major < 0) reader.complain("major", "may not be negative");
  if (item.minor < 0) reader.complain("minor", "may not be negative");
}

}  // namespace

void read_device_rule(ObjectReader& reader, DeviceRule& rule) {
  reader.require(reader.boolean("allow", rule.allow), "allow");
  std::string type;
  reader.string("type", type);
  if (type.empty()) {
    rule.type = 'a';
  } else if (type == "a" || type == "c" || type == "b") {
    rule.type = type.front();
  } else {
    reader.complain("type", "must be a, c or b");
  }
  read_rule_number(reader, "major", rule.major);
  read_rule_number(reader, "minor", rule.minor);
  reader.string("access", rule.access);
  if (rule.access.find_first_not_of("rwm") != std::string::npos) {
    reader.complain("access", "may have the letters r, w and m only");
  }
  if (rule.access.empty()) rule.access = "rwm";  // absent means all, as with type and numbers
}

void read_block_io(ObjectReader& reader, Resources::BlockIo& block_io) {
  reader.integer("weight", block_io.weight);
  reader.refuse({"leafWeight"});
  reader.objects("weightDevice", block_io.weight_device,
                 [](ObjectReader& entry, DeviceWeight& weight) {
                   read_numbers(entry, weight);
                   entry.integer("weight", weight.weight);
                   entry.ignore({"leafWeight"}, "cgroup v2 has no such knob");
                   if (!weight.weight && !entry.has("leafWeight")) {
                     entry.complain("weight", "is missing");
                   }
                 });
  for (const auto& [name, rates] : kThrottles) {
    reader.objects(name, block_io.*rates, [](ObjectReader& entry, DeviceRate& rate) {
      read_numbers(entry, rate);
      entry.require(entry.integer("rate", rate.rate), "rate");
    });
  }
  // An entry that had a leaf weight alone asks for nothing in cgroup v2.
  std::erase_if(block_io.weight_device, [](const DeviceWeight& entry) { return !entry.weight; });
}

json write_device_rules(const std::vector<DeviceRule>& rules) {
  json list = json::array();
  for (const auto& rule : rules) {
    json item{{"allow", rule.allow}, {"type", std::string(1, rule.type)}, {"access", rule.access}};
    put_if_given(item, "major", rule.major);
    put_if_given(item, "minor", rule.minor);
    list.push_back(std::move(item));
  }
  return list;
}

json write_block_io(const Resources::BlockIo& block_io) {
  json result = json::object();
  put_if_given(result, "weight", block_io.weight);
  for (const auto& entry : block_io.weight_device) {
    json item{{"major", entry.major}, {"minor", entry.minor}};
    put_if_given(item, "weight", entry.weight);
    result["weightDevice"].push_back(std::move(item));
  }
  for (const auto& [name, rates] : kThrottles) {
    for (const auto& entry : block_io.*rates) {
      result[name].push_back(
          {{"major", entry.major}, {"minor", entry.minor}, {"rate", entry.rate}});
    }
  }
  return result;
}

}  // namespace cgwarden::launcher
