#include "cgroup/sample_reader.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cerrno>
#include <cstddef>

#include "base/file.h"
#include "base/limits.h"
#include "cgroup/format.h"
#include "cgroup/quote.h"

namespace cgwarden::cgroup {
namespace {

Result<Bytes> parse_bytes(std::string_view text, std::string_view where) {
  CGW_ASSIGN(const std::uint64_t value, parse_number(text, where));
  return Bytes{value};
}

Result<LimitOf<Bytes>> parse_byte_limit(std::string_view text, std::string_view where) {
  CGW_ASSIGN(const LimitOf<std::uint64_t> limit, parse_limit(text, where));
  if (is_max(limit)) return LimitOf<Bytes>(Max{});
  return LimitOf<Bytes>(Bytes{std::get<std::uint64_t>(limit)});
}

Result<Usec> parse_usec(std::string_view text, std::string_view where) {
  CGW_ASSIGN(const std::uint64_t value, parse_number(text, where));
  return Usec(value);
}

// 1..10000, and before 6.12 0 while cpu.idle is 1 (kernel/sched/core.c cpu_weight_read_u64).
Result<std::uint32_t> parse_cpu_weight(std::string_view text, std::string_view where) {
  CGW_ASSIGN(const std::uint64_t value, parse_number(text, where));
  if (value > 10000) return fail(malformed(where, "a weight is at most 10000"));
  return static_cast<std::uint32_t>(value);
}

using Store = Status (*)(Sample& sample, std::string_view file, std::string_view text);

template <auto Member, auto Parse>
Status store(Sample& sample, std::string_view file, std::string_view text) {
  if constexpr (requires { Parse(text, file); }) {
    CGW_ASSIGN(sample.*Member, Parse(text, file));
  } else {
    CGW_ASSIGN(sample.*Member, Parse(text));
  }
  return {};
}

struct FileRow {
  std::string_view file;
  Store store;
};

using S = Sample;

// cgroup.controllers is in every cgroup as long as the cgroup lives, and it stands last: when it
// can still be read, files missed before were taken away one by one (a controller was disabled) and
// not together with the cgroup.
constexpr std::string_view kProofOfLife = "cgroup.controllers";

constexpr std::array kFiles{
    FileRow{"cpu.stat", store<&S::cpu_stat, parse_cpu_stat>},
    FileRow{"cpu.stat.local", store<&S::cpu_stat_local, parse_cpu_stat_local>},
    FileRow{"cpu.max", store<&S::cpu_max, parse_cpu_max>},
    FileRow{"cpu.max.burst", store<&S::cpu_max_burst, parse_usec>},
    FileRow{"cpu.weight", store<&S::cpu_weight, parse_cpu_weight>},
    FileRow{"cpu.idle", store<&S::cpu_idle, parse_flag>},
    FileRow{"cpu.pressure", store<&S::cpu_pressure, parse_pressure>},
    FileRow{"memory.current", store<&S::memory_current, parse_bytes>},
    FileRow{"memory.peak", store<&S::memory_peak, parse_bytes>},
    FileRow{"memory.min", store<&S::memory_min, parse_byte_limit>},
    FileRow{"memory.low", store<&S::memory_low, parse_byte_limit>},
    FileRow{"memory.high", store<&S::memory_high, parse_byte_limit>},
    FileRow{"memory.max", store<&S::memory_max, parse_byte_limit>},
    FileRow{"memory.oom.group", store<&S::memory_oom_group, parse_flag>},
    FileRow{"memory.swap.current", store<&S::memory_swap_current, parse_bytes>},
    FileRow{"memory.swap.peak", store<&S::memory_swap_peak, parse_bytes>},
    FileRow{"memory.swap.high", store<&S::memory_swap_high, parse_byte_limit>},
    FileRow{"memory.swap.max", store<&S::memory_swap_max, parse_byte_limit>},
    FileRow{"memory.swap.events", store<&S::memory_swap_events, parse_swap_events>},
    FileRow{"memory.stat", store<&S::memory_stat, parse_memory_stat>},
    FileRow{"memory.events", store<&S::memory_events, parse_memory_events>},
    FileRow{"memory.events.local", store<&S::memory_events_local, parse_memory_events>},
    FileRow{"memory.pressure", store<&S::memory_pressure, parse_pressure>},
    FileRow{"io.stat", store<&S::io_stat, parse_io_stat>},
    FileRow{"io.max", store<&S::io_max, parse_io_max>},
    FileRow{"io.weight", store<&S::io_weight, parse_io_weight>},
    FileRow{"io.pressure", store<&S::io_pressure, parse_pressure>},
    FileRow{"irq.pressure", store<&S::irq_pressure, parse_pressure>},
    FileRow{"pids.current", store<&S::pids_current, parse_number>},
    FileRow{"pids.peak", store<&S::pids_peak, parse_number>},
    FileRow{"pids.max", store<&S::pids_max, parse_limit>},
    FileRow{"pids.events", store<&S::pids_events, parse_pids_events>},
    FileRow{"pids.events.local", store<&S::pids_events_local, parse_pids_events>},
    FileRow{"cgroup.events", store<&S::cgroup_events, parse_cgroup_events>},
    FileRow{"cgroup.stat", store<&S::cgroup_stat, parse_cgroup_stat>},
    FileRow{"cgroup.type", store<&S::cgroup_type, parse_cgroup_type>},
    FileRow{"cgroup.freeze", store<&S::cgroup_freeze, parse_flag>},
    FileRow{"cgroup.subtree_control", store<&S::subtree_control, parse_list>},
    FileRow{kProofOfLife, store<&S::controllers, parse_list>},
};

std::size_t row_of(std::string_view file) {
  const auto* at = std::find_if(kFiles.begin(), kFiles.end(),
                                [&](const FileRow& row) { return row.file == file; });
  return static_cast<std::size_t>(at - kFiles.begin());
}

std::string reason_of(const Error& error, std::string_view file) {
  if (error.errno_value == EOPNOTSUPP && file.ends_with(".pressure")) {
    return "psi is off; boot with psi=1";
  }
  return error.sentence();
}

}  // namespace

bool is_sampled(std::string_view file) { return row_of(file) < kFiles.size(); }

Result<std::string> read_control_file(int dir, const std::string& file) {
  CGW_ASSIGN(const UniqueFd fd, open_at(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  return read_all(fd.get(), file, limits::kControlFileBytes);
}

Status read_files(int dir, const std::vector<std::string>& files, const ReadControlFile& read,
                  Sample& sample) {
  std::bitset<kFiles.size()> listed;
  for (const std::string& file : files) {
    if (const std::size_t row = row_of(file); row < kFiles.size()) listed.set(row);
  }
  std::optional<Error> gone;
  bool alive = false;
  for (std::size_t i = 0; i < kFiles.size(); ++i) {
    if (!listed.test(i)) continue;
    const FileRow& row = kFiles[i];
    const Result<std::string> text = read(dir, std::string(row.file));
    if (!text && text.error().errno_value == ENODEV) return fail(text.error());
    if (!text && text.error().kind == ErrorKind::vanished) {
      gone = text.error();
      continue;
    }
    if (row.file == kProofOfLife) alive = true;
    if (!text) {
      sample.unreadable.push_back({std::string(row.file), reason_of(text.error(), row.file)});
      continue;
    }
    if (const Status stored = row.store(sample, row.file, *text); !stored) {
      sample.unreadable.push_back({std::string(row.file), stored.error().sentence()});
    }
  }
  if (gone && !alive) return fail(*gone);
  return {};
}

}  // namespace cgwarden::cgroup
