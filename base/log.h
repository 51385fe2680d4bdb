#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

// Named events with fields, one line each on stderr: `level event key=value ...`. Where stderr is
// systemd's journal (JOURNAL_STREAM) they are entries of it with these fields (log_journal.h). Only
// agent/ and cli/ log; the libraries return. Thread-safe. The implementation (spdlog, libsystemd)
// is in base/log*.cpp, target cgwarden_log.
namespace cgwarden::log {

using Field = std::pair<std::string_view, std::string>;
enum class Level { debug, info, warning, error };

// Messages below `level` are dropped. Default: info.
void set_level(Level level);

// `message_id`: of the journal's catalog (systemd.journal-fields(7)); empty: none.
void event(Level level, std::string_view name, std::span<const Field> fields,
           std::string_view message_id = {});
inline void event(Level level, std::string_view name, std::initializer_list<Field> fields = {},
                  std::string_view message_id = {}) {
  event(level, name, std::span(fields.begin(), fields.size()), message_id);
}

inline void debug(std::string_view name, std::initializer_list<Field> fields = {}) {
  event(Level::debug, name, fields);
}
inline void info(std::string_view name, std::initializer_list<Field> fields = {}) {
  event(Level::info, name, fields);
}
inline void warning(std::string_view name, std::initializer_list<Field> fields = {}) {
  event(Level::warning, name, fields);
}
inline void error(std::string_view name, std::initializer_list<Field> fields = {}) {
  event(Level::error, name, fields);
}

}  // namespace cgwarden::log
