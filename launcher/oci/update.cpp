#include <unistd.h>

#include <functional>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "launcher/oci/commands.h"
#include "launcher/oci/container.h"
#include "launcher/oci/quantity.h"

namespace cgwarden::launcher::oci {
namespace {

using Take = std::function<Outcome<void>(const std::string&)>;

template <typename T>
Take number_into(const char* option, std::optional<T>& to) {
  return [option, &to](const std::string& value) -> Outcome<void> {
    const auto number = parse_integer<T>(value);
    if (!number) {
      return refuse(std::string("--") + option + ": \"" + printable(value) +
                        "\" is not a whole number in range",
                    kUsage);
    }
    to = *number;
    return {};
  };
}

Take bytes_into(const char* option, std::optional<std::int64_t>& to) {
  return [option, &to](const std::string& value) -> Outcome<void> {
    const auto bytes = byte_count(value);
    if (!bytes) {
      return refuse(std::string("--") + option + ": \"" + printable(value) +
                        "\" is not a number of bytes such as 64M",
                    kUsage);
    }
    to = *bytes;
    return {};
  };
}

Outcome<void> ignored(const std::string& /*value*/) { return {}; }

std::vector<Option> table(Resources& resources, std::string& file, bool& help) {
  auto& cpu = resources.cpu;
  auto& memory = resources.memory;
  return {
      {"resources", 'r', "FILE", "an OCI resources object (JSON); - is stdin", into(file)},
      {"cpu-period", 0, "USEC", "length of a period", number_into("cpu-period", cpu.period_usec)},
      {"cpu-quota", 0, "USEC", "run time in a period; -1 is no limit",
       number_into("cpu-quota", cpu.quota_usec)},
      {"cpu-burst", 0, "USEC", "unused quota that is carried over",
       number_into("cpu-burst", cpu.burst_usec)},
      {"cpu-share", 0, "N", "relative weight, 2 to 262144", number_into("cpu-share", cpu.shares)},
      {"cpu-shares", 0, "N", "the same", number_into("cpu-shares", cpu.shares)},
      {"cpu-idle", 0, "0|1", "run only what nobody else wants to",
       number_into("cpu-idle", cpu.idle)},
      {"cpuset-cpus", 0, "LIST", "processors", into(cpu.cpus)},
      {"cpuset-mems", 0, "LIST", "memory nodes", into(cpu.mems)},
      {"memory", 0, "BYTES", "memory.max; -1 is no limit", bytes_into("memory", memory.limit)},
      {"memory-reservation", 0, "BYTES", "memory.low",
       bytes_into("memory-reservation", memory.reservation)},
      {"memory-swap", 0, "BYTES", "memory and swap together",
       bytes_into("memory-swap", memory.swap)},
      {"pids-limit", 0, "N", "pids.max; -1 is no limit",
       number_into("pids-limit", resources.pids_limit)},
      {"blkio-weight", 0, "N", "io weight, 10 to 1000",
       number_into("blkio-weight", resources.block_io.weight)},
      {"kernel-memory", 0, "BYTES", "accepted; cgroup v2 has no such limit", ignored},
      {"kernel-memory-tcp", 0, "BYTES", "accepted; cgroup v2 has no such limit", ignored},
      {"help", 'h', nullptr, "this text", into(help)},
  };
}

Outcome<void> read_resources(const std::string& file, Resources& resources) {
  std::string text;
  if (file == "-") {
    CGW_ASSIGN(text, read_all(STDIN_FILENO, "stdin", limits::kStateFileBytes));
  } else {
    CGW_ASSIGN(text, read_file(file, limits::kStateFileBytes));
  }
  CGW_ASSIGN(resources, parse_resources(text, file));
  return {};
}

}  // namespace

Outcome<int> update(const Global& global, const Words& words) {
  Resources resources;
  std::string file;
  bool help = false;
  const auto known = table(resources, file, help);
  CGW_ASSIGN(const Words positional, parse_options("update", words, known));
  if (help) return print_help("update [OPTION...] ID", "Changes limits of a container.", known);
  CGW_ASSIGN(const std::string id, only_id("update", positional));
  // As runc has it: a file speaks alone.
  if (!file.empty()) CGW_TRY(read_resources(file, resources));
  CGW_ASSIGN(Container container, Container::open(global.root, id));
  CGW_TRY(container.lock());
  CGW_ASSIGN(const ContainerRecord record, container.record());
  if (status_of(record) == ContainerStatus::stopped) {
    return refuse("container \"" + id + "\" cannot be updated: it is stopped");
  }
  if (!file.empty()) leave_out_zero_pids(record.oci_version, resources);
  if (record.cgroup.path.empty()) {
    return refuse("container \"" + id + "\" has no cgroup of its own to limit");
  }
  CGW_TRY(update_resources(record.cgroup, resources));
  return 0;
}

}  // namespace cgwarden::launcher::oci
