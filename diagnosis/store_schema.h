#pragma once

#include <cstdint>
#include <iterator>

// Layout of store.db. Version 2 added the table event, and an index of verdicts by time alone;
// version 3 the kernel log, the boots of this machine, and who ran in the last of them; version 4
// what a restart story asks of a verdict.
// `user_version` is the schema's version, `application_id` tells our files from other SQLite files.
namespace cgwarden::diagnosis {

inline constexpr std::int64_t kStoreApplicationId = 0x63677764;  // "cgwd"
inline constexpr std::int64_t kStoreSchemaVersion = 4;

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

// What version 3 has over version 2. `number` rises from boot to boot; `stopped`: the agent ended
// as asked and none has begun since. `kill`: diagnosis::names_a_kill(). `reason` of a gap:
// StoredKernelLogGap::Reason.
#define CGW_STORE_VERSION_3                             \
  "CREATE TABLE boot("                                  \
  "  number INTEGER PRIMARY KEY,"                       \
  "  boot_id TEXT NOT NULL UNIQUE,"                     \
  "  seen_wall_usec INTEGER NOT NULL,"                  \
  "  stopped INTEGER NOT NULL,"                         \
  "  kmsg_sequence INTEGER NOT NULL);"                  \
  "CREATE TABLE running("                               \
  "  workload TEXT NOT NULL,"                           \
  "  boot INTEGER NOT NULL,"                            \
  "  incarnation INTEGER NOT NULL,"                     \
  "  main_pid INTEGER NOT NULL,"                        \
  "  from_boottime_usec INTEGER NOT NULL,"              \
  "  from_wall_usec INTEGER NOT NULL,"                  \
  "  PRIMARY KEY(boot, workload)) WITHOUT ROWID;"       \
  "CREATE TABLE kmsg("                                  \
  "  boot INTEGER NOT NULL,"                            \
  "  sequence INTEGER NOT NULL,"                        \
  "  usec INTEGER NOT NULL,"                            \
  "  when_boottime_usec INTEGER NOT NULL,"              \
  "  when_wall_usec INTEGER NOT NULL,"                  \
  "  priority INTEGER NOT NULL,"                        \
  "  continuation INTEGER NOT NULL,"                    \
  "  kill INTEGER NOT NULL,"                            \
  "  text TEXT NOT NULL,"                               \
  "  PRIMARY KEY(boot, sequence, usec)) WITHOUT ROWID;" \
  "CREATE TABLE kmsg_gap("                              \
  "  id INTEGER PRIMARY KEY,"                           \
  "  boot INTEGER NOT NULL,"                            \
  "  reason INTEGER NOT NULL,"                          \
  "  from_boottime_usec INTEGER NOT NULL,"              \
  "  to_boottime_usec INTEGER NOT NULL,"                \
  "  to_wall_usec INTEGER NOT NULL,"                    \
  "  count INTEGER NOT NULL);"                          \
  "PRAGMA user_version=3;"

// What version 4 has over version 3: brief_of() of verdicts, a tenth of their size. Those of before
// have none.
#define CGW_STORE_VERSION_4                                    \
  "CREATE TABLE verdict_brief("                                \
  "  id INTEGER PRIMARY KEY,"                                  \
  "  json TEXT NOT NULL);"                                     \
  "CREATE TRIGGER verdict_gone AFTER DELETE ON verdict BEGIN " \
  "  DELETE FROM verdict_brief WHERE id=OLD.id; END;"          \
  "PRAGMA user_version=4;"

// From version n to this one.
inline constexpr const char* kStoreUpgrades[] = {
    nullptr, CGW_STORE_VERSION_2 CGW_STORE_VERSION_3 CGW_STORE_VERSION_4,
    CGW_STORE_VERSION_3 CGW_STORE_VERSION_4, CGW_STORE_VERSION_4};
static_assert(std::size(kStoreUpgrades) == kStoreSchemaVersion);

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
        CGW_STORE_VERSION_3 CGW_STORE_VERSION_4
    "PRAGMA application_id=1667725156;"
    "COMMIT;";
#undef CGW_STORE_VERSION_2
#undef CGW_STORE_VERSION_3
#undef CGW_STORE_VERSION_4
static_assert(kStoreApplicationId == 1667725156);

}  // namespace cgwarden::diagnosis
