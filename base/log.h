#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

// Named events with fields, one line each on stderr: `level event key=value ...`. Only agent/ and
// cli/ log; the libraries return. Thread-safe. The implementation (spdlog) is in base/log.cpp,
// target cgwarden_log.
namespace cgwarden::log {

using Field = std::pair<std::string_view, std::string>;
enum class Level { debug, info, warning, error };

// Messages below `level` are dropped. Default: info.
void set_level(Level level);

void event(Level level, std::string_view name, std::initializer_list<Field> fields = {});

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
