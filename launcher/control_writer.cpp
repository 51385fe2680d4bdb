#include "launcher/control_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "cgroup/control_value.h"
#include "cgroup/path_walk.h"
#include "cgroup/sample_reader.h"
#include "cgroup/write_error.h"

namespace cgwarden::launcher {
namespace {

constexpr std::uint64_t kMaxValue = std::numeric_limits<std::uint64_t>::max();

// The first number of "50000 100000" or "max"; nullopt when it is neither.
std::optional<std::uint64_t> limit_of(std::string_view text) {
  const std::string_view word = trim(text).substr(0, trim(text).find(' '));
  if (word == "max") return kMaxValue;
  return parse_integer<std::uint64_t>(word);
}

std::optional<std::string> value_of(const std::vector<ControlWrite>& writes,
                                    std::string_view file) {
  for (const ControlWrite& write : writes) {
    if (write.file == file) return write.value;
  }
  return std::nullopt;
}

// Lower goes first; writes of the same rank stay in their order.
class Ranks {
 public:
  Ranks(const std::vector<ControlWrite>& writes, const ControlsNow& now) {
    const auto burst = limit_of(value_of(writes, "cpu.max.burst").value_or(""));
    const auto quota = limit_of(now.cpu_max);
    // The kernel wants burst <= quota after each write (tg_set_cfs_bandwidth).
    burst_first_ = burst && quota && *burst <= *quota;
    const auto swap = limit_of(value_of(writes, "memory.swap.max").value_or(""));
    const auto swap_now = limit_of(now.memory_swap_max);
    // Room in swap comes before memory.max pushes pages into it.
    swap_first_ = swap && swap_now && *swap > *swap_now;
  }

  [[nodiscard]] int of(const ControlWrite& write) const {
    if (write.file == "cpu.idle" && trim(write.value) == "0") return 0;
    if (write.file == "cpu.max.burst") return burst_first_ ? 0 : 2;
    if (write.file == "memory.swap.max") return swap_first_ ? 0 : 2;
    if (write.file == "cpu.idle") return 2;
    return 1;
  }

 private:
  bool burst_first_ = false;
  bool swap_first_ = false;
};

std::string now_of(int cgroup, const std::string& file) {
  const auto text = cgroup::read_control_file(cgroup, file);
  return text ? std::string(trim(*text)) : "";
}

// Whether the kernel has it already. A text that only the kernel understands ("64M" in unified) is
// written in any case.
bool is_in_force(const cgroup::WriteSite& site, std::string_view value) {
  const auto now = cgroup::read_control_file(site.cgroup, site.file);
  if (!now) return false;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto wanted = cgroup::resolve_value(site.file, value, *now, page);
  if (!wanted) return false;
  const auto shown = cgroup::shown_value(site.file, value, *now);
  return shown && *shown == wanted->settled;
}

Status write_line(const cgroup::WriteSite& site, std::string_view value) {
  if (is_in_force(site, value)) return {};
  const auto fd = open_at(site.cgroup, site.file, O_WRONLY | O_NOFOLLOW | O_NOCTTY);
  if (!fd) return fail(cgroup::explain_open_error(site, fd.error()));
  // One write(2) is one command to the kernel.
  const Status written = write_all(fd->get(), std::string(value) + "\n", site.file);
  if (written) return {};
  return fail(cgroup::explain_write_error(site, value, written.error().errno_value));
}

Status write_file(const cgroup::WriteSite& site, std::string_view value) {
  for (const std::string_view line : split(trim(value), '\n')) CGW_TRY(write_line(site, line));
  return {};
}

// The bfq scheduler has a weight of its own and does not look at io.weight.
bool has_bfq(int cgroup) { return ::faccessat(cgroup, "io.bfq.weight", W_OK, 0) == 0; }

// Without swap (swapaccount=0) there is no file, and none is needed to have no or all swap.
bool is_without_effect(int cgroup, const ControlWrite& write) {
  return write.file == "memory.swap.max" && (write.value == "0" || write.value == "max") &&
         ::faccessat(cgroup, "memory.swap.max", F_OK, 0) != 0 &&
         ::faccessat(cgroup, "memory.max", F_OK, 0) == 0;
}

Status write_control(const cgroup::Tree& tree, std::string_view path, int cgroup,
                     const ControlWrite& write) {
  CGW_TRY(cgroup::check_file_name(write.file));
  if (is_without_effect(cgroup, write)) return {};
  if (!write.bfq_value.empty() && has_bfq(cgroup)) {
    const std::string file = "io.bfq.weight";
    return write_file({tree, path, cgroup, file}, write.bfq_value);
  }
  return write_file({tree, path, cgroup, write.file}, write.value);
}

}  // namespace

std::vector<ControlWrite> in_kernel_order(std::vector<ControlWrite> writes,
                                          const ControlsNow& now) {
  // The weight of an idle cgroup is not its own (sched_group_set_shares refuses).
  if (const auto idle = value_of(writes, "cpu.idle"); idle && trim(*idle) == "1") {
    std::erase_if(writes, [](const ControlWrite& write) { return write.file == "cpu.weight"; });
  }
  const Ranks ranks(writes, now);
  std::ranges::stable_sort(writes, {}, [&](const ControlWrite& write) { return ranks.of(write); });
  return writes;
}

Step apply_writes(const cgroup::Tree& tree, std::string_view path,
                  std::vector<ControlWrite> writes) {
  if (writes.empty()) return {};
  // One directory fd for all: they cannot hit two cgroups of the same name.
  const auto cgroup = tree.open_cgroup(path);
  if (!cgroup) return cgroup_failure(cgroup.error());
  const ControlsNow now{now_of(cgroup->get(), "cpu.max"), now_of(cgroup->get(), "memory.swap.max")};
  for (const ControlWrite& write : in_kernel_order(std::move(writes), now)) {
    if (const Status done = write_control(tree, path, cgroup->get(), write); !done) {
      return cgroup_failure(done.error());
    }
  }
  return {};
}

std::unexpected<LaunchError> cgroup_failure(const Error& error) {
  std::string text = error.operation + " " + error.where;
  if (!error.detail.empty()) text += ": " + error.detail;
  return std::unexpected(LaunchError{"cgroup", error.errno_value, std::move(text)});
}

}  // namespace cgwarden::launcher
