#include "cgroup/trace_line.h"

#include <array>
#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "cgroup/quote.h"

namespace cgwarden::cgroup {
namespace {

// Each is longer than a comm, so that the first in a line is the kernel's.
constexpr std::string_view kKill = ": signal_generate: sig=";
constexpr std::string_view kMark = ": mark_victim: pid=";
constexpr std::string_view kEmptied = ": cgroup_notify_populated: root=";
constexpr std::array kMarkers{kKill, kMark, kEmptied};
constexpr std::size_t kLongestComm = 15;
static_assert(kMark.size() > kLongestComm && kKill.size() > kLongestComm);

// TRACE_CGROUP_PATH_LEN of kernel/cgroup/cgroup-internal.h, less the zero byte.
constexpr std::size_t kLongestPath = 1023;

struct Marker {
  std::string_view name;
  std::size_t at = std::string_view::npos;
};

Marker first_marker(std::string_view line) {
  Marker first;
  for (const auto name : kMarkers) {
    const std::size_t at = line.find(name);
    if (at < first.at) first = {name, at};
  }
  return first;
}

// Cuts off the text before `key`, and the key; nullopt when it is not there.
std::optional<std::string_view> cut_before(std::string_view& text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at + key.size());
  return before;
}

std::optional<std::string_view> cut_after_last(std::string_view& text, std::string_view key) {
  const std::size_t at = text.rfind(key);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view after = text.substr(at + key.size());
  text = text.substr(0, at);
  return after;
}

struct Header {
  Usec boottime{0};
  pid_t task = 0;
};

// "          COMM-PID     [CPU] FLAGS SECONDS.MICROSECONDS", read from the right: a comm may hold
// anything.
std::optional<Header> parse_header(std::string_view text) {
  const auto time = cut_after_last(text, " ");
  const std::size_t bracket = text.rfind(" [");
  if (!time || bracket == std::string_view::npos) return std::nullopt;
  std::string_view before = trim(text.substr(0, bracket));
  const auto task = cut_after_last(before, "-");
  const auto point = time->find('.');
  if (!task || point == std::string_view::npos || time->size() - point != 7) return std::nullopt;
  const auto pid = parse_integer<pid_t>(*task);
  const auto seconds = parse_integer<std::uint32_t>(time->substr(0, point));
  const auto usec = parse_integer<std::uint32_t>(time->substr(point + 1));
  if (!pid || *pid < 0 || !seconds || !usec) return std::nullopt;
  return Header{Usec(std::uint64_t{*seconds} * 1'000'000U + *usec), *pid};
}

std::optional<pid_t> parse_pid(std::string_view text) {
  const auto pid = parse_integer<pid_t>(text);
  return pid && *pid > 0 ? pid : std::nullopt;
}

// "9 errno=0 code=128 comm=COMM pid=PID grp=1 res=0"
std::optional<TraceEvent> parse_kill(const Header& header, std::string_view text) {
  if (!text.starts_with("9 ") || text.find(" code=128 ") == std::string_view::npos ||
      !cut_after_last(text, " grp=")) {
    return std::nullopt;
  }
  const auto pid = cut_after_last(text, " pid=");
  const auto victim = pid ? parse_pid(*pid) : std::nullopt;
  if (!victim) return std::nullopt;
  return KernelKill{header.boottime, header.task, *victim};
}

// "anon-rss=1kB file-rss:2kB shmem-rss:3kB": the kernel's own mixture of signs.
std::optional<Bytes> parse_rss(std::string_view text) {
  std::uint64_t sum = 0;
  for (const std::string_view key : {"anon-rss=", "file-rss:", "shmem-rss:"}) {
    if (!cut_before(text, key)) return std::nullopt;
    const auto digits = cut_before(text, "kB");
    const auto value = digits ? parse_integer<std::uint64_t>(*digits) : std::nullopt;
    // More than any machine has: not a size.
    if (!value || *value > (std::uint64_t{1} << 50U)) return std::nullopt;
    sum += *value * 1024U;
  }
  return Bytes{sum};
}

// "PID", or "PID comm=COMM total-vm=...kB anon-rss=... uid=UID pgtables=...kB oom_score_adj=N"
std::optional<TraceEvent> parse_mark(const Header& header, std::string_view text) {
  OomMark mark{.boottime = header.boottime,
               .task = header.task,
               .victim = 0,
               .comm = {},
               .uid = {},
               .rss = {}};
  const auto digits = cut_before(text, " comm=");
  const auto victim = parse_pid(digits ? *digits : text);
  if (!victim) return std::nullopt;
  mark.victim = *victim;
  if (!digits) return mark;
  const auto sizes = cut_after_last(text, " total-vm=");
  mark.comm = text.substr(0, kLongestComm);
  if (!sizes) return mark;
  mark.rss = parse_rss(*sizes);
  std::string_view rest = *sizes;
  if (cut_before(rest, " uid=")) {
    mark.uid = parse_integer<std::uint32_t>(rest.substr(0, rest.find(' ')));
  }
  return mark;
}

// "0 id=ID level=N path=PATH val=0"
std::optional<TraceEvent> parse_emptied(const Header& header, std::string_view text) {
  const auto root = cut_before(text, " id=");
  const auto id_text = cut_before(text, " level=");
  const auto level_text = cut_before(text, " path=");
  const auto val = cut_after_last(text, " val=");
  if (!root || !id_text || !level_text || !val || *root != "0" || *val != "0") return std::nullopt;
  const auto id = parse_integer<std::uint64_t>(*id_text);
  const auto level = parse_integer<unsigned>(*level_text);
  if (!id || !level || !text.starts_with('/')) return std::nullopt;
  if (text.size() >= kLongestPath) text = {};
  return CgroupEmptied{header.boottime, header.task, CgroupId{*id}, *level, std::string(text)};
}

bool is_complete(std::string_view line) {
  const Marker marker = first_marker(line);
  std::string_view text = line.substr(marker.at + marker.name.size());
  if (marker.name == kKill) return cut_after_last(text, " res=").has_value();
  if (marker.name != kMark || text.find(" comm=") == std::string_view::npos) return true;
  return cut_after_last(text, " oom_score_adj=").has_value();
}

}  // namespace

Result<TraceEvent> parse_trace_line(std::string_view line) {
  const Marker marker = first_marker(line);
  const auto bad = [&](const char* why) {
    return fail(malformed("trace_pipe", std::string(why) + ": " + quote(line)));
  };
  if (marker.at == std::string_view::npos) return bad("no event that was asked for");
  const auto header = parse_header(line.substr(0, marker.at));
  if (!header) return bad("no task and time before the event");
  const std::string_view text = line.substr(marker.at + marker.name.size());
  const auto event = marker.name == kKill   ? parse_kill(*header, text)
                     : marker.name == kMark ? parse_mark(*header, text)
                                            : parse_emptied(*header, text);
  if (!event) return bad("the event's fields are not as its format says");
  return *event;
}

std::vector<TraceEvent> TraceLines::feed(std::string_view text) {
  std::vector<TraceEvent> events;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view piece = text.substr(0, end);
    too_long_ = too_long_ || rest_.size() + piece.size() > limits::kTraceLineBytes;
    if (!too_long_) rest_ += piece;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    if (std::exchange(too_long_, false)) {
      rest_.clear();
      ++malformed_;
    } else {
      take_line(std::exchange(rest_, {}), events);
    }
  }
  return events;
}

void TraceLines::take_line(std::string_view line, std::vector<TraceEvent>& events) {
  const bool has_marker = first_marker(line).at != std::string_view::npos;
  if (!unfinished_.empty() && !has_marker &&
      unfinished_.size() + line.size() < limits::kTraceLineBytes) {
    unfinished_ += '\n';
    unfinished_ += line;
    if (is_complete(unfinished_)) finish(events);
    return;
  }
  if (!unfinished_.empty()) finish(events);
  if (has_marker) {
    unfinished_ = line;
    if (is_complete(unfinished_)) finish(events);
    return;
  }
  std::string_view rest = line;
  if (line.starts_with("CPU:") && line.ends_with(" EVENTS]") && cut_before(rest, " [LOST ")) {
    const auto count = parse_integer<std::uint32_t>(rest.substr(0, rest.find(' ')));
    if (count) lost_ += *count;
    return;
  }
  ++malformed_;
}

void TraceLines::finish(std::vector<TraceEvent>& events) {
  auto event = parse_trace_line(std::exchange(unfinished_, {}));
  if (event) {
    events.push_back(*std::move(event));
  } else {
    ++malformed_;
  }
}

}  // namespace cgwarden::cgroup
