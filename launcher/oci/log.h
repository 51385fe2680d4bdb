#pragma once

#include <string>
#include <string_view>

#include "launcher/oci/command_line.h"

// What the runtime says beside its results: on stderr, and in the file of --log as text or as one
// JSON object a line {"level", "msg", "time"}, which is where callers of OCI runtimes look for it.
namespace cgwarden::launcher::oci {

// Opens the file of --log for appending. Before this, and without a file, stderr gets everything.
[[nodiscard]] Outcome<void> open_log(const Global& global);

// The file of --log; -1 without one.
[[nodiscard]] int log_file();

void log_error(std::string_view message);
void log_warning(std::string_view message);
// Only with --debug.
void log_debug(std::string_view message);

// RFC 3339 with nanoseconds, UTC: "2026-11-25T13:00:00.123456789Z".
[[nodiscard]] std::string timestamp();

}  // namespace cgwarden::launcher::oci
