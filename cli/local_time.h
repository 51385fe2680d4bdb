#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"

// Times as people write and read them. The zone is that of the process (TZ, else /etc/localtime),
// as for journalctl(1). One thread: time zones are environment variables to the C library.
namespace cgwarden::cli {

// "2026-11-24 04:12:45 +01:00"; where the zone is UTC, "2026-11-24 03:12:45 UTC".
[[nodiscard]] std::string wall_text(Usec wall);

// From now on the zone of this process is UTC.
void use_utc();

// A point of a calendar and a clock: "2026-01-31", "12:00", "2026-01-31 12:00:00.5", with a T
// between too; "today", "yesterday", "tomorrow", alone or before a time; all with a zone behind it
// or without one: UTC, Z, +01:00, or a name of the time zone database (Europe/Berlin). What does
// not exist (2026-02-31, 25:00) is none; a time without a day is of today. nullopt: not one of
// these, or before 1970.
[[nodiscard]] std::optional<Usec> calendar_time(std::string_view text, Usec now);

}  // namespace cgwarden::cli
