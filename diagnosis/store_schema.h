#pragma once

#include <cstdint>

// Layout of store.db. Version 2 added the table event, and an index of verdicts by time alone.
// `user_version` is the schema's version, `application_id` tells our files from other SQLite files.
namespace cgwarden::diagnosis {

inline constexpr std::int64_t kStoreApplicationId = 0x63677764;  // "cgwd"
inline constexpr std::int64_t kStoreSchemaVersion = 2;

inline constexpr const char* kStorePragmas =
    "PRAGMA page_size=16384;"
    "PRAGMA journal_mode=TRUNCATE;"
    "PRAGMA synchronous=FULL;";

// What version 2 has over version 1. AUTOINCREMENT: no id comes twice, and who follows goes by it.
#define CGW_STORE_VERSION_2                                  \
  "CREATE TABLE event("                                      \
  "  id INTEGER PRIMARY KEY AUTOINCREMENT,"                  \
  "  kind TEXT NOT NULL,"                                    \
  "  when_wall_usec INTEGER NOT NULL,"                       \
  "  json TEXT NOT NULL);"                                   \
  "CREATE INDEX event_by_kind ON event(kind, id);"           \
  "CREATE INDEX verdict_by_when ON verdict(when_wall_usec);" \
  "PRAGMA user_version=2;"

inline constexpr const char* kStoreUpgradeFrom1 = CGW_STORE_VERSION_2;

inline constexpr const char* kStoreTables =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE verdict("
    "  id INTEGER PRIMARY KEY,"
    "  workload TEXT NOT NULL,"
    "  incarnation INTEGER NOT NULL,"
    "  class TEXT NOT NULL,"
    "  death INTEGER NOT NULL,"
    "  from_wall_usec INTEGER NOT NULL,"
    "  when_wall_usec INTEGER NOT NULL,"
    "  json TEXT NOT NULL,"
    "  UNIQUE(workload, incarnation, class, from_wall_usec));"
    "CREATE INDEX verdict_by_time ON verdict(workload, when_wall_usec);"
    "CREATE TABLE counter("
    "  workload TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,"
    "  PRIMARY KEY(workload, name)) WITHOUT ROWID;" CGW_STORE_VERSION_2
    "PRAGMA application_id=1667725156;"
    "COMMIT;";
#undef CGW_STORE_VERSION_2
static_assert(kStoreApplicationId == 1667725156);

}  // namespace cgwarden::diagnosis
