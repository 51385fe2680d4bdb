#include <algorithm>
#include <array>

#include "launcher/oci_sections.h"

// "linux.resources" of config.json. cgroup v1 knobs that v2 lacks may stand there if they ask for
// nothing or for what v2 does anyway; of the others, those that runc drops with v2 are warned
// about, and what changes how the container behaves is refused.
namespace cgwarden::launcher {
namespace {

using nlohmann::json;

void read_memory(ObjectReader& reader, Resources::Memory& memory) {
  const std::array<std::pair<const char*, std::optional<std::int64_t>*>, 3> limits{
      {{"limit", &memory.limit}, {"reservation", &memory.reservation}, {"swap", &memory.swap}}};
  for (const auto& [name, limit] : limits) {
    reader.integer(name, *limit);
    if (limit->value_or(0) < -1) reader.complain(name, "must be -1 (no limit) or more");
  }
  reader.boolean("checkBeforeUpdate", memory.check_before_update);
  reader.ignore({"kernel", "kernelTCP", "swappiness"}, "cgroup v2 has no such knob");
  bool hierarchy = true;  // cgroup v2 always accounts hierarchically
  reader.boolean("useHierarchy", hierarchy);
  reader.refuse({"disableOOMKiller"});
}

void read_cpu(ObjectReader& reader, Resources::Cpu& cpu) {
  reader.integer("shares", cpu.shares);
  reader.integer("quota", cpu.quota_usec);
  reader.integer("period", cpu.period_usec);
  reader.integer("burst", cpu.burst_usec);
  reader.integer("idle", cpu.idle);
  reader.string("cpus", cpu.cpus);
  reader.string("mems", cpu.mems);
  reader.refuse({"realtimeRuntime", "realtimePeriod"});
}

// "2MB", "1GB", "64KB": it becomes part of a file name.
bool valid_page_size(const std::string& text) {
  const auto digits = text.find_first_not_of("0123456789");
  return digits != std::string::npos && digits > 0 && text.size() == digits + 2 &&
         text[digits + 1] == 'B' && std::string("KMGTPE").find(text[digits]) != std::string::npos;
}

void read_hugepages(ObjectReader& reader, std::map<std::string, std::uint64_t>& limits) {
  reader.each("hugepageLimits", [&](const json& value, const std::string& path) {
    ObjectReader entry = reader.element(value, path);
    std::string size;
    std::uint64_t limit = 0;
    // Go's decoder does not care for case, and bundles written for it have both.
    entry.require(entry.string("pageSize", size) || entry.string("pagesize", size), "pageSize");
    entry.require(entry.integer("limit", limit), "limit");
    if (!valid_page_size(size)) entry.complain("pageSize", "must be a size like 2MB");
    if (!limits.emplace(size, limit).second) entry.complain("pageSize", "stands twice");
  });
}

void read_rdma(ObjectReader& reader, std::map<std::string, Resources::Rdma>& devices) {
  reader.members("rdma", [&](const std::string& name, const json& value, const std::string& path) {
    ObjectReader entry = reader.element(value, path);
    Resources::Rdma& limits = devices[name];
    const bool handles = entry.integer("hcaHandles", limits.hca_handles);
    const bool objects = entry.integer("hcaObjects", limits.hca_objects);
    if (!handles && !objects) entry.complain("", "needs hcaHandles or hcaObjects");
    if (name.empty() || name.find_first_of(" \t\n") != std::string::npos) {
      entry.complain("", "is not the name of a device");
    }
  });
}

void read_unified(ObjectReader& reader, std::map<std::string, std::string>& unified) {
  reader.string_map("unified", unified);
  for (const auto& [file, text] : unified) {
    const auto dot = file.find('.');
    if (dot == 0 || dot == std::string::npos || file.find('/') != std::string::npos) {
      reader.complain("unified." + file, "is not the name of a control file");
    }
  }
}

json write_cpu(const Resources::Cpu& cpu) {
  json result = json::object();
  put_if_given(result, "shares", cpu.shares);
  put_if_given(result, "quota", cpu.quota_usec);
  put_if_given(result, "period", cpu.period_usec);
  put_if_given(result, "burst", cpu.burst_usec);
  put_if_given(result, "idle", cpu.idle);
  put_unless_empty(result, "cpus", cpu.cpus);
  put_unless_empty(result, "mems", cpu.mems);
  return result;
}

json write_memory(const Resources::Memory& memory) {
  json result = json::object();
  put_if_given(result, "limit", memory.limit);
  put_if_given(result, "reservation", memory.reservation);
  put_if_given(result, "swap", memory.swap);
  if (memory.check_before_update) result["checkBeforeUpdate"] = true;
  return result;
}

json write_rdma(const Resources::Rdma& limits) {
  json result = json::object();
  put_if_given(result, "hcaHandles", limits.hca_handles);
  put_if_given(result, "hcaObjects", limits.hca_objects);
  return result;
}

}  // namespace

void read_resources(ObjectReader& reader, Resources& to) {
  reader.objects("devices", to.devices, read_device_rule);
  reader.object("memory", [&](ObjectReader& part) { read_memory(part, to.memory); });
  reader.object("cpu", [&](ObjectReader& part) { read_cpu(part, to.cpu); });
  reader.object("pids", [&](ObjectReader& part) { part.integer("limit", to.pids_limit); });
  if (to.pids_limit.value_or(0) < -1) {
    reader.complain("pids.limit", "must be -1 (no limit) or more");
  }
  reader.object("blockIO", [&](ObjectReader& part) { read_block_io(part, to.block_io); });
  read_hugepages(reader, to.hugepage_limits);
  read_rdma(reader, to.rdma);
  read_unified(reader, to.unified);
  reader.object("network", [](ObjectReader& part) { part.refuse({"classID", "priorities"}); });
}

json write_resources(const Resources& resources) {
  json result = json::object();
  put_unless_empty(result, "devices", write_device_rules(resources.devices));
  put_unless_empty(result, "memory", write_memory(resources.memory));
  put_unless_empty(result, "cpu", write_cpu(resources.cpu));
  if (resources.pids_limit) result["pids"]["limit"] = *resources.pids_limit;
  put_unless_empty(result, "blockIO", write_block_io(resources.block_io));
  for (const auto& [size, limit] : resources.hugepage_limits) {
    result["hugepageLimits"].push_back({{"pageSize", size}, {"limit", limit}});
  }
  for (const auto& [name, limits] : resources.rdma) result["rdma"][name] = write_rdma(limits);
  put_unless_empty(result, "unified", resources.unified);
  return result;
}

}  // namespace cgwarden::launcher
