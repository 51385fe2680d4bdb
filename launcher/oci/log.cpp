#include "launcher/oci/log.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>

#include "base/file.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace cgwarden::launcher::oci {
namespace {

// One log per process, as its stderr is one: open from the first command line word to the exit.
struct Log {
  UniqueFd file;
  bool json = false;
  bool debug = false;
  bool errors_only = false;
};
Log& log() {
  static Log instance;
  return instance;
}

std::string line_of(std::string_view level, std::string_view message) {
  if (!log().json) {
    return timestamp() + " " + std::string(level) + ": " + printable(message) + "\n";
  }
  const nlohmann::json entry{{"level", level}, {"msg", message}, {"time", timestamp()}};
  return entry.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

enum class Screen { always, without_log };

// What is no error must not stand in the output of a container whose engine reads the log.
void say(std::string_view level, std::string_view message, Screen screen) {
  // Nobody is left to be told when these fail.
  if (log().file.valid()) {
    (void)write_all(log().file.get(), line_of(level, message), "--log");
    if (screen == Screen::without_log) return;
  }
  const std::string kind = level == "error" ? "" : std::string(level) + ": ";
  (void)write_all(STDERR_FILENO, "cgwarden-oci: " + kind + printable(message) + "\n", "stderr");
}

}  // namespace

Outcome<void> open_log(const Global& global) {
  log().json = global.log_json;
  log().debug = global.debug;
  log().errors_only = global.errors_only;
  if (global.log.empty()) return {};
  auto file = open_at(AT_FDCWD, global.log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (!file) return std::unexpected(Failure(file.error()));
  log().file = std::move(*file);
  return {};
}

int log_file() { return log().file.get(); }

void log_error(std::string_view message) { say("error", message, Screen::always); }
void log_warning(std::string_view message) {
  if (!log().errors_only) say("warning", message, Screen::without_log);
}
void log_debug(std::string_view message) {
  if (log().debug) say("debug", message, Screen::without_log);
}

std::string timestamp() {
  // Not gmtime(3), which reads /etc/localtime first.
  using namespace std::chrono;
  const auto now = time_point_cast<nanoseconds>(system_clock::now());
  const auto day = floor<days>(now);
  const year_month_day date(day);
  const hh_mm_ss time(now - day);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%09dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
                static_cast<int>(time.subseconds().count()));
  return text.data();
}

}  // namespace cgwarden::launcher::oci
