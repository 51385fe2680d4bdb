#pragma once

#include <cstdint>

// Layout of store.db. `user_version` is the schema's version, `application_id` tells our files from
// other SQLite files.
namespace cgwarden::diagnosis {

inline constexpr std::int64_t kStoreApplicationId = 0x63677764;  // "cgwd"
inline constexpr std::int64_t kStoreSchemaVersion = 1;

inline constexpr const char* kStorePragmas =
    "PRAGMA page_size=16384;"
    "PRAGMA journal_mode=TRUNCATE;"
    "PRAGMA synchronous=FULL;";

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
    "  PRIMARY KEY(workload, name)) WITHOUT ROWID;"
    "PRAGMA application_id=1667725156;"
    "PRAGMA user_version=1;"
    "COMMIT;";
static_assert(kStoreApplicationId == 1667725156);

}  // namespace cgwarden::diagnosis
