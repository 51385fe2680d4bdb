#include "cgroup/event_format.h"

#include "base/text.h"
#include "cgroup/quote.h"

namespace cgwarden::cgroup {
namespace {

// A record is at most a page; a field beyond it cannot be.
constexpr std::uint32_t kMostBytes = 4096;

// "offset:8" of the parts between semicolons.
std::optional<std::uint32_t> number_of(std::string_view part, std::string_view key) {
  part = trim(part);
  if (!part.starts_with(key)) return std::nullopt;
  return parse_integer<std::uint32_t>(part.substr(key.size()));
}

// "field:char comm[16]": the word before the bracket.
std::string_view name_of(std::string_view declaration) {
  declaration = declaration.substr(0, declaration.find('['));
  declaration = trim(declaration);
  const std::size_t blank = declaration.find_last_of(" *");
  return blank == std::string_view::npos ? std::string_view() : declaration.substr(blank + 1);
}

bool read_field(std::string_view line, EventFormat& format) {
  const auto parts = split(line, ';');
  if (parts.size() < 3) return false;
  const auto name = name_of(parts[0]);
  const auto offset = number_of(parts[1], "offset:");
  const auto size = number_of(parts[2], "size:");
  if (name.empty() || !offset || !size || *offset > kMostBytes || *size > kMostBytes - *offset) {
    return false;
  }
  return format.fields.emplace(name, EventField{*offset, *size}).second;
}

}  // namespace

std::optional<EventField> EventFormat::field(std::string_view key) const {
  const auto found = fields.find(key);
  if (found == fields.end()) return std::nullopt;
  return found->second;
}

Result<EventFormat> parse_event_format(std::string_view text, const std::string& where) {
  EventFormat format;
  for (const auto whole : split(text, '\n')) {
    const auto line = trim(whole);
    if (line.starts_with("name:")) format.name = trim(line.substr(5));
    if (line.starts_with("ID:")) {
      const auto id = parse_integer<std::uint32_t>(trim(line.substr(3)));
      if (!id) return fail(malformed(where, "its ID is no number"));
      format.id = *id;
    }
    if (line.starts_with("field:") && !read_field(line, format)) {
      return fail(malformed(where, "a field without name, offset and size, or twice"));
    }
    if (line.starts_with("print fmt:")) break;
  }
  if (format.name.empty() || format.id == 0 || format.fields.empty()) {
    return fail(malformed(where, "no name, no ID or no field"));
  }
  return format;
}

}  // namespace cgwarden::cgroup
