#include "agent/node_facts.h"

#include <sys/sysinfo.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "base/file.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

// A line of /proc or /sys is short.
constexpr std::size_t kFactBytes = 4096;

// "none [mq-deadline] kyber bfq": the chosen one is in brackets.
std::optional<bool> some_device_has_bfq() {
  std::error_code error;
  std::filesystem::directory_iterator devices("/sys/block", error);
  if (error) return std::nullopt;
  for (const auto end = std::filesystem::directory_iterator(); devices != end;
       devices.increment(error)) {
    const auto text = read_file((devices->path() / "queue/scheduler").string(), kFactBytes);
    if (text && text->find("[bfq]") != std::string::npos) return true;
  }
  if (error) return std::nullopt;
  return false;
}

}  // namespace

policy::NodeFacts read_node_facts() {
  policy::NodeFacts facts;
  if (const long online = ::sysconf(_SC_NPROCESSORS_ONLN); online > 0) {
    facts.cpus = static_cast<std::uint64_t>(online);
  }
  struct sysinfo info{};
  if (::sysinfo(&info) == 0) {
    facts.memory = Bytes{std::uint64_t{info.totalram} * info.mem_unit};
    facts.swap = Bytes{std::uint64_t{info.totalswap} * info.mem_unit};
  }
  if (const auto text = read_file("/proc/sys/kernel/pid_max", kFactBytes)) {
    facts.pids_max = parse_integer<std::uint64_t>(trim(*text));
  }
  facts.bfq = some_device_has_bfq();
  return facts;
}

}  // namespace cgwarden::agent
