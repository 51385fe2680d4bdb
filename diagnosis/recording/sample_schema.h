#pragma once

#include <cstdint>
#include <string>

#include "diagnosis/recording/stream.h"

// Layout of samples-*.db and rollup-*.db. `user_version` is the schema's version, `application_id`
// tells our files from other SQLite files. Page size, journal and why not WAL: as store.db.
//
//   field   the numbers of samples by name; chunks have their ids
//   boot    boot ids
//   stream  one cgroup between two beginnings of its counters: who, and when (ms of the wall clock)
//   cut     what was stored together: its ticks (chunk.h) and the segment of the ring it was
//   chunk   the samples of one stream in one cut (chunk.h); its id is both: cut << 24 | stream
//
// Chunks are only appended: the id is the index by cut and by stream.
namespace cgwarden::diagnosis::recording {

inline constexpr std::int64_t kSamplesApplicationId = 0x63677773;  // "cgws"
inline constexpr std::int64_t kSamplesSchemaVersion = 1;
inline constexpr unsigned kStreamBits = 24;

[[nodiscard]] constexpr std::int64_t chunk_id(std::int64_t cut, std::int64_t stream) {
  return cut << kStreamBits | stream;
}

inline constexpr const char* kSamplesPragmas =
    "PRAGMA page_size=16384;"
    "PRAGMA journal_mode=TRUNCATE;"
    "PRAGMA synchronous=FULL;";

[[nodiscard]] inline std::string samples_tables() {
  std::string texts;
  for (const IdentityText& text : kIdentityTexts) {
    texts.append(text.column).append(" TEXT NOT NULL,");
  }
  static_assert(kSamplesApplicationId == 1667725171);
  return "BEGIN IMMEDIATE;"
         "CREATE TABLE field(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT "
         "NULL);"
         "CREATE TABLE boot(id INTEGER PRIMARY KEY, boot_id TEXT NOT NULL UNIQUE);"
         "CREATE TABLE stream(id INTEGER PRIMARY KEY, boot INTEGER NOT NULL, cgroup INTEGER NOT "
         "NULL,"
         " run INTEGER NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL," +
         texts +
         " first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,"
         " UNIQUE(boot, cgroup, run, path));"
         "CREATE TABLE cut(id INTEGER PRIMARY KEY, segment INTEGER NOT NULL UNIQUE,"
         " from_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, ticks BLOB NOT NULL);"
         "CREATE TABLE chunk(id INTEGER PRIMARY KEY, data BLOB NOT NULL);"
         "PRAGMA application_id=1667725171;"
         "PRAGMA user_version=1;"
         "COMMIT;";
}

}  // namespace cgwarden::diagnosis::recording
