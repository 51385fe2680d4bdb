#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"

// Log events as entries of systemd's journal, with their fields. Who logs uses log.h.
namespace cgwarden::log {

// Does `journal_stream` ("DEVICE:INODE", the JOURNAL_STREAM of systemd.exec(5); nullptr: not set)
// name the file that `fd` is?
[[nodiscard]] bool is_journal(int fd, const char* journal_stream);

// "FIELD=value" of systemd.journal-fields(7): MESSAGE is `line`, CGWARDEN_EVENT the name, a field
// "cgroup" CGWARDEN_CGROUP.
[[nodiscard]] std::vector<std::string> journal_fields(Level level, std::string_view name,
                                                      std::span<const Field> fields,
                                                      std::string_view message_id,
                                                      std::string_view line);

// False when the journal did not take it.
bool send_to_journal(const std::vector<std::string>& fields);

}  // namespace cgwarden::log
