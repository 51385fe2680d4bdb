#include "diagnosis/same_cause.h"

#include <array>
#include <cstddef>

namespace cgwarden::diagnosis {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kHexDigits = "0123456789abcdef";
// As short as any runtime shows an id.
constexpr std::size_t kIdDigits = 12;

std::size_t run_of(std::string_view text, std::string_view digits) {
  const std::size_t end = text.find_first_not_of(digits);
  return end == std::string_view::npos ? text.size() : end;
}

// Length of a UUID that `text` begins with, also with "_" as in names of units; 0: of none.
std::size_t uuid_length(std::string_view text) {
  static constexpr std::array<std::size_t, 5> kGroups{8, 4, 4, 4, 12};
  std::size_t at = 0;
  for (const std::size_t group : kGroups) {
    if (at > 0) {
      if (at >= text.size() || (text[at] != '-' && text[at] != '_')) return 0;
      ++at;
    }
    if (at >= text.size() || run_of(text.substr(at, group), kHexDigits) != group) return 0;
    at += group;
  }
  return at;
}

std::size_t id_length(std::string_view text) {
  const std::size_t uuid = uuid_length(text);
  if (uuid > 0) return uuid;
  const std::size_t id = run_of(text, kHexDigits);
  return id >= kIdDigits ? id : run_of(text, kDigits);
}

std::string_view text_after(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  return at == std::string_view::npos ? std::string_view() : text.substr(at + key.size());
}

// What quote_unit_end() says, in the words of waitid(2).
std::optional<std::string> exit_of_unit(std::string_view quote) {
  std::string_view status = text_after(quote, "ExecMainStatus=");
  const std::string_view code = text_after(quote, "ExecMainCode=");
  if (status.empty() || code.empty()) return std::nullopt;
  status = status.substr(0, status.find_first_of(", "));
  const std::string number(status.substr(0, status.find('/')));
  if (code.starts_with("exited")) return "CLD_EXITED, code " + number;
  return (code.starts_with("dumped") ? "CLD_DUMPED, " : "CLD_KILLED, ") +
         std::string(text_after(status, "/"));
}

// "CLD_EXITED, code 3", whoever tells of it.
std::optional<std::string> exit_of(const Verdict& verdict) {
  const EvidenceItem* of_systemd = nullptr;
  for (const auto& item : verdict.evidence) {
    if (item.source == "waitid") return item.quote;
    if (item.source == "systemd") of_systemd = &item;
  }
  return of_systemd == nullptr ? std::nullopt : exit_of_unit(of_systemd->quote);
}

bool may_be_same(const std::optional<std::string>& one, const std::optional<std::string>& other) {
  return !one || !other || *one == *other;
}

}  // namespace

Cause cause_of(const Verdict& verdict) {
  Cause cause{.verdict = verdict.verdict, .limit = {}, .actor = {}, .exit = exit_of(verdict)};
  if (verdict.limit) {
    cause.limit = verdict.limit->file + " of " + without_numbers(verdict.limit->cgroup);
  }
  if (verdict.actor) {
    const Actor& actor = *verdict.actor;
    // Its command line may be another one each time.
    cause.actor = actor.exe.empty() ? without_numbers(actor.what) : actor.exe;
  }
  return cause;
}

bool same_cause(const Cause& one, const Cause& other) {
  return one.verdict == other.verdict && may_be_same(one.limit, other.limit) &&
         may_be_same(one.actor, other.actor) && may_be_same(one.exit, other.exit);
}

std::string without_numbers(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = id_length(text);
    out += length > 0 ? '#' : text.front();
    text.remove_prefix(length > 0 ? length : 1);
  }
  return out;
}

}  // namespace cgwarden::diagnosis
