#include "diagnosis/fault_log.h"

#include <csignal>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace cgwarden::diagnosis {
namespace {

// TASK_COMM_LEN without its zero byte.
constexpr std::size_t kCommBytes = 15;

struct Named {
  pid_t thread = -1;
  std::string_view rest;  // behind "COMM[PID]"
};

// Of "COMM[PID]..." at this '['.
std::optional<Named> named_at(std::string_view text, std::size_t bracket) {
  const std::size_t end = text.find(']', bracket);
  if (end == std::string_view::npos) return std::nullopt;
  const auto thread = parse_integer<pid_t>(text.substr(bracket + 1, end - bracket - 1));
  if (!thread || *thread <= 0) return std::nullopt;
  return Named{*thread, text.substr(end + 1)};
}

// The first of the brackets at which `accepts` takes what follows. A name may hold brackets and the
// words behind them too, but has no room for all of them.
template <typename Accepts>
std::optional<Named> find_named(std::string_view text, Accepts accepts) {
  for (std::size_t at = text.find('['); at <= kCommBytes; at = text.find('[', at + 1)) {
    const auto named = named_at(text, at);
    if (named && accepts(named->rest)) return named;
  }
  return std::nullopt;
}

bool is_hexadecimal(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// "trap invalid opcode ip:4027ee sp:7fff88e4bbd0 error:0 in ...": the words before " ip:".
std::optional<std::string_view> trap_words(std::string_view rest) {
  const std::size_t ip = rest.find(" ip:");
  if (ip == std::string_view::npos || !rest.starts_with(' ')) return std::nullopt;
  const std::string_view words = rest.substr(1, ip - 1);
  const bool known = words.starts_with("trap ") || words.starts_with("general protection fault");
  if (!known || words.find('[') != std::string_view::npos) return std::nullopt;
  const auto registers = split(rest.substr(ip + 1), ' ');
  constexpr std::string_view kSp = "sp:";
  constexpr std::string_view kError = "error:";
  if (registers.size() < 3 || !is_hexadecimal(registers[0].substr(3)) ||
      !registers[1].starts_with(kSp) || !is_hexadecimal(registers[1].substr(kSp.size())) ||
      !registers[2].starts_with(kError)) {
    return std::nullopt;
  }
  return words;
}

std::optional<FaultRecord> parse_trap(std::string_view text) {
  constexpr std::string_view kTraps = "traps: ";
  if (!text.starts_with(kTraps)) return std::nullopt;
  const auto named = find_named(text.substr(kTraps.size()),
                                [](std::string_view rest) { return trap_words(rest).has_value(); });
  if (!named) return std::nullopt;
  FaultRecord fault;
  fault.thread = named->thread;
  fault.what = trap_words(named->rest).value_or("");
  return fault;
}

std::optional<FaultRecord> parse_segfault(std::string_view text) {
  const auto named =
      find_named(text, [](std::string_view rest) { return rest.starts_with(": segfault at "); });
  if (!named) return std::nullopt;
  FaultRecord fault;
  fault.thread = named->thread;
  fault.what = "segfault";
  return fault;
}

// The value of " key=" in `text`; empty: not there.
std::string_view value_of(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + key.size());
  return text.substr(0, text.find(' '));
}

// Names with a blank or a quote in them are written in hexadecimal; only subj=, a label of the
// administrator's, may hold blanks, and it is before pid=.
std::optional<FaultRecord> parse_seccomp(std::string_view text) {
  if (!text.starts_with("audit: type=1326 ")) return std::nullopt;
  const std::size_t comm = text.find(" comm=");
  if (comm == std::string_view::npos) return std::nullopt;
  const std::size_t pid = text.rfind(" pid=", comm);
  if (pid == std::string_view::npos) return std::nullopt;
  const auto thread = parse_integer<pid_t>(value_of(text.substr(pid), " pid="));
  const std::string_view rest = text.substr(comm);
  if (!thread || *thread <= 0) return std::nullopt;
  FaultRecord fault;
  fault.thread = *thread;
  fault.what = "seccomp";
  fault.signal = parse_integer<int>(value_of(rest, " sig="));
  fault.syscall = parse_integer<int>(value_of(rest, " syscall="));
  fault.arch = value_of(rest, " arch=");
  if (!fault.signal || !fault.syscall) return std::nullopt;
  return fault;
}

std::optional<FaultRecord> parse_sysrq(std::string_view text) {
  FaultRecord fault;
  fault.what = "sysrq";
  if (text == "sysrq: Terminate All Tasks") {
    fault.signal = SIGTERM;
  } else if (text == "sysrq: Kill All Tasks") {
    fault.signal = SIGKILL;
  } else {
    return std::nullopt;
  }
  return fault;
}

}  // namespace

std::optional<FaultRecord> parse_fault(const KmsgRecord& record) {
  if (!record.from_kernel() || record.continuation) return std::nullopt;
  auto fault = parse_seccomp(record.text);
  if (!fault) fault = parse_trap(record.text);
  if (!fault) fault = parse_segfault(record.text);
  if (!fault) fault = parse_sysrq(record.text);
  if (!fault) return std::nullopt;
  fault->line = record.text;
  fault->boottime = record.boottime;
  fault->sequence = record.sequence;
  return fault;
}

}  // namespace cgwarden::diagnosis
