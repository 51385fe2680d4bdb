// The text of a lease file.
#include <nlohmann/json.hpp>

#include "launcher/json.h"
#include "launcher/network_json.h"
#include "launcher/network_lease.h"

namespace cgwarden::launcher {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

// It becomes a part of paths and of CNI_CONTAINERID.
bool valid_lease_name(const std::string& name) {
  return !name.empty() && !name.starts_with('.') && name.find('/') == std::string::npos;
}

}  // namespace

json mark_json(const ProcessMark& mark) {
  return {{"pid", mark.pid}, {"startTime", mark.start_time}};
}

void read_mark(ObjectReader& reader, const char* name, ProcessMark& mark) {
  reader.object(name, [&](ObjectReader& part) {
    part.integer("pid", mark.pid);
    part.integer("startTime", mark.start_time);
  });
}

std::string to_json(const Lease& lease) {
  const json document{{"version", kVersion},
                      {"name", lease.name},
                      {"network", network_json(lease.network)},
                      {"holder", mark_json(lease.holder)},
                      {"inhabitant", mark_json(lease.inhabitant)},
                      {"address", to_string(lease.address)},
                      {"cniConfig", lease.cni_config},
                      {"cniResult", lease.cni_result}};
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<Lease> parse_lease(const std::string& text, const std::string& where) {
  CGW_ASSIGN(const json document, parse_json_object(text, "read", where));
  Findings findings;
  ObjectReader reader(document, "", findings);
  Lease lease;
  int version = 0;
  reader.integer("version", version);
  if (version != kVersion) reader.complain("version", "is not that of this program");
  reader.string("name", lease.name);
  if (!valid_lease_name(lease.name)) reader.complain("name", "is not that of a workload");
  reader.require(
      reader.object("network", [&](ObjectReader& part) { read_network(part, lease.network); }),
      "network");
  read_mark(reader, "holder", lease.holder);
  read_mark(reader, "inhabitant", lease.inhabitant);
  std::string address;
  reader.string("address", address);
  const auto parsed = parse_ipv4(address);
  if (!parsed) reader.complain("address", "is not an IPv4 address");
  reader.string("cniConfig", lease.cni_config);
  reader.string("cniResult", lease.cni_result);
  if (!findings.fault.empty()) return fail(Error::malformed("read", where, findings.fault));
  lease.address = *parsed;
  return lease;
}

}  // namespace cgwarden::launcher
