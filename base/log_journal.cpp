#include "base/log_journal.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "base/text.h"

namespace cgwarden::log {
namespace {

// syslog(3).
std::string_view priority(Level level) {
  switch (level) {
    case Level::debug:
      return "7";
    case Level::info:
      return "6";
    case Level::warning:
      return "4";
    case Level::error:
      return "3";
  }
  return "6";
}

// Upper-case letters, digits and '_'; the journal takes no other.
std::string field_name(std::string_view key) {
  std::string name = "CGWARDEN_";
  for (const char c : key) {
    if (c >= 'a' && c <= 'z') {
      name += static_cast<char>(c - 'a' + 'A');
    } else {
      name += (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
    }
  }
  return name;
}

}  // namespace

bool is_journal(int fd, const char* journal_stream) {
  if (journal_stream == nullptr) return false;
  const std::string_view text = journal_stream;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  const auto device = parse_integer<std::uint64_t>(text.substr(0, colon));
  const auto inode = parse_integer<std::uint64_t>(text.substr(colon + 1));
  struct stat info{};
  return device && inode && ::fstat(fd, &info) == 0 && info.st_dev == *device &&
         info.st_ino == *inode;
}

std::vector<std::string> journal_fields(Level level, std::string_view name,
                                        std::span<const Field> fields, std::string_view message_id,
                                        std::string_view line) {
  std::vector<std::string> out;
  out.push_back("MESSAGE=" + std::string(line));
  out.push_back("PRIORITY=" + std::string(priority(level)));
  out.emplace_back("SYSLOG_IDENTIFIER=cgwarden");
  out.push_back("CGWARDEN_EVENT=" + std::string(name));
  if (!message_id.empty()) out.push_back("MESSAGE_ID=" + std::string(message_id));
  for (const auto& [key, value] : fields) out.push_back(field_name(key) + "=" + printable(value));
  return out;
}

bool send_to_journal(const std::vector<std::string>& fields) {
  std::vector<iovec> parts;
  parts.reserve(fields.size());
  for (const auto& field : fields) {
    // Only read; iovec has no const.
    parts.push_back({const_cast<char*>(field.data()), field.size()});
  }
  return ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) == 0;
}

}  // namespace cgwarden::log
