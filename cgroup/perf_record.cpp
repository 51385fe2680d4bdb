#include "cgroup/perf_record.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace cgwarden::cgroup {
namespace {

constexpr std::uint32_t kCommBytes = 16;  // TASK_COMM_LEN

template <typename T>
std::optional<T> value_at(std::span<const std::byte> bytes, std::size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// Up to the first zero byte.
std::string text_of(std::span<const std::byte> bytes) {
  const auto end = std::ranges::find(bytes, std::byte{0});
  std::string text;
  for (auto at = bytes.begin(); at != end; ++at) text += static_cast<char>(*at);
  return text;
}

Usec from_nanoseconds(std::uint64_t time) { return Usec(time / 1000U); }

}  // namespace

Result<SignalLayout> signal_layout(const EventFormat& format) {
  SignalLayout layout;
  layout.event = format.id;
  struct Wanted {
    const char* name;
    std::uint32_t size;
    EventField SignalLayout::* place;
  };
  static constexpr std::array kWanted{
      Wanted{"common_pid", 4, &SignalLayout::task}, Wanted{"sig", 4, &SignalLayout::signal},
      Wanted{"code", 4, &SignalLayout::code},       Wanted{"comm", kCommBytes, &SignalLayout::comm},
      Wanted{"pid", 4, &SignalLayout::target},      Wanted{"group", 4, &SignalLayout::group},
      Wanted{"result", 4, &SignalLayout::result}};
  for (const auto& wanted : kWanted) {
    const auto field = format.field(wanted.name);
    if (!field || field->size != wanted.size) {
      return fail(Error{ErrorKind::not_supported, 0, "read the fields of", "signal:" + format.name,
                        std::string("its field `") + wanted.name +
                            "` is not what it is in the kernels this program knows"});
    }
    layout.*wanted.place = *field;
  }
  return layout;
}

std::optional<SignalGenerated> parse_sample(const SignalLayout& layout,
                                            std::span<const std::byte> body, bool with_cgroup) {
  const auto sender = value_at<std::int32_t>(body, 0);
  const auto time = value_at<std::uint64_t>(body, 8);
  const auto raw_size = value_at<std::uint32_t>(body, 16);
  constexpr std::size_t kRaw = 20;
  if (!sender || !time || !raw_size || *raw_size > body.size() - kRaw) return std::nullopt;
  const auto raw = body.subspan(kRaw, *raw_size);
  const auto number = [&](const EventField& field) {
    return value_at<std::int32_t>(raw, field.offset);
  };
  const auto task = number(layout.task);
  const auto signal = number(layout.signal);
  const auto code = number(layout.code);
  const auto target = number(layout.target);
  const auto group = number(layout.group);
  const auto result = number(layout.result);
  if (!task || !signal || !code || !target || !group || !result || *target <= 0 || *signal <= 0 ||
      layout.comm.offset + layout.comm.size > raw.size()) {
    return std::nullopt;
  }
  SignalGenerated event{.boottime = from_nanoseconds(*time),
                        .sender = std::max(*sender, 0),
                        .sender_task = *task,
                        .sender_cgroup = {},
                        .target = *target,
                        .target_comm = text_of(raw.subspan(layout.comm.offset, layout.comm.size)),
                        .signal = *signal,
                        .code = *code,
                        .group = *group != 0,
                        .result = *result};
  if (with_cgroup) {
    const auto id = value_at<std::uint64_t>(body, kRaw + *raw_size);
    if (id && *id != 0) event.sender_cgroup = CgroupId{*id};
  }
  return event;
}

std::optional<ProcessNamed> parse_comm(std::span<const std::byte> body) {
  // { u32 pid, tid; char comm[]; } padded to 8 bytes, then the sample id { u32 pid, tid; u64 time;
  // }
  constexpr std::size_t kIdBytes = 16;
  const auto pid = value_at<std::int32_t>(body, 0);
  const auto task = value_at<std::int32_t>(body, 4);
  if (!pid || !task || *pid <= 0 || *pid != *task || body.size() < 8 + kIdBytes) {
    return std::nullopt;
  }
  const auto time = value_at<std::uint64_t>(body, body.size() - 8);
  const auto name = body.subspan(8, body.size() - 8 - kIdBytes);
  return ProcessNamed{from_nanoseconds(*time), *pid,
                      text_of(name.first(std::min<std::size_t>(name.size(), kCommBytes)))};
}

}  // namespace cgwarden::cgroup
