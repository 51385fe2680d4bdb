#include "diagnosis/recording/sample_file.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "diagnosis/recording/sample_schema.h"
#include "diagnosis/recording/sql_number.h"

namespace cgwarden::diagnosis::recording {
namespace {

// An agent killed in the middle of a commit leaves a journal that must be rolled back before the
// file can be read, which a read-only connection cannot do.
Result<Database> open_day(const std::string& path) {
  CGW_ASSIGN(Database database, Database::open(path, Database::Mode::read_only));
  const auto readable = database.pragma("application_id");
  if (readable) return database;
  if (readable.error().kind != ErrorKind::not_permitted) return fail(readable.error());
  CGW_ASSIGN(Database repaired, Database::open(path, Database::Mode::read_write));
  CGW_ASSIGN(const std::int64_t application, repaired.pragma("application_id"));
  (void)application;
  CGW_TRY(repaired.execute("PRAGMA query_only=ON"));
  return repaired;
}

cgroup::FieldKind field_kind(std::string_view text) {
  using enum cgroup::FieldKind;
  for (const auto kind : {counter, limit}) {
    if (to_string(kind) == text) return kind;
  }
  return gauge;
}

}  // namespace

Result<SampleFile> SampleFile::open(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) {
    return fail(Error::from_errno(errno, "open", path));
  }
  CGW_ASSIGN(Database database, open_day(path));
  CGW_ASSIGN(const std::int64_t application, database.pragma("application_id"));
  if (application != kSamplesApplicationId) {
    // The recorder is about to make it: its schema comes with the first commit.
    CGW_ASSIGN(const std::int64_t changes, database.pragma("schema_version"));
    if (changes == 0) return fail(Error::from_errno(ENOENT, "open", path, "it is being made"));
    return fail(Error::malformed("open", path, "it is not a recording of cgwarden"));
  }
  CGW_ASSIGN(const std::int64_t version, database.pragma("user_version"));
  if (version > kSamplesSchemaVersion) {
    return fail(
        Error{ErrorKind::not_supported, 0, "open", path,
              "it was written by a newer cgwarden (schema " + std::to_string(version) + ")"});
  }
  return SampleFile(path, std::move(database));
}

Result<std::vector<StoredField>> SampleFile::fields() const {
  CGW_ASSIGN(auto rows, database_->prepare("SELECT id,name,kind FROM field ORDER BY id"));
  std::vector<StoredField> fields;
  for (;;) {
    CGW_ASSIGN(const bool row, rows.step());
    if (!row) return fields;
    fields.push_back(
        {static_cast<std::uint32_t>(rows.integer(0)), {rows.text(1), field_kind(rows.text(2))}});
  }
}

Result<std::vector<StoredStream>> SampleFile::streams(std::uint64_t from_ms,
                                                      std::uint64_t until_ms) const {
  std::string texts;
  for (const IdentityText& text : kIdentityTexts) texts.append(",").append(text.column);
  CGW_ASSIGN(
      auto rows,
      database_->prepare("SELECT stream.id,boot_id,cgroup,run,path,first_ms,last_ms,kind" + texts +
                         " FROM stream JOIN boot ON boot.id=stream.boot"
                         " WHERE last_ms>=?1 AND first_ms<=?2 ORDER BY stream.id"));
  rows.bind(to_sql(from_ms)).bind(to_sql(until_ms));
  std::vector<StoredStream> streams;
  for (;;) {
    CGW_ASSIGN(const bool row, rows.step());
    if (!row) return streams;
    StoredStream& stored = streams.emplace_back();
    stored.row = rows.integer(0);
    stored.stream.boot = rows.text(1);
    stored.stream.id = CgroupId{from_sql(rows.integer(2))};
    stored.stream.run = from_sql(rows.integer(3));
    stored.stream.path = rows.text(4);
    stored.first_ms = from_sql(rows.integer(5));
    stored.last_ms = from_sql(rows.integer(6));
    stored.stream.identity.kind = kind_of(rows.text(7));
    int column = 8;
    for (const IdentityText& text : kIdentityTexts) {
      stored.stream.identity.*text.member = rows.text(column++);
    }
  }
}

Result<std::vector<StoredCut>> SampleFile::cuts(std::uint64_t from_ms,
                                                std::uint64_t until_ms) const {
  CGW_ASSIGN(auto rows, database_->prepare("SELECT id,segment,from_ms,until_ms FROM cut"
                                           " WHERE until_ms>=?1 AND from_ms<=?2 ORDER BY id"));
  rows.bind(to_sql(from_ms)).bind(to_sql(until_ms));
  std::vector<StoredCut> cuts;
  for (;;) {
    CGW_ASSIGN(const bool row, rows.step());
    if (!row) return cuts;
    cuts.push_back({rows.integer(0), from_sql(rows.integer(1)), from_sql(rows.integer(2)),
                    from_sql(rows.integer(3))});
  }
}

Result<std::vector<std::uint64_t>> SampleFile::ticks(std::int64_t cut) const {
  CGW_ASSIGN(auto rows, database_->prepare("SELECT ticks FROM cut WHERE id=?1"));
  rows.bind(cut);
  CGW_ASSIGN(const bool row, rows.step());
  if (!row) return std::vector<std::uint64_t>{};
  return decode_ticks(rows.bytes(0));
}

Result<std::optional<std::int64_t>> SampleFile::cut_of(std::uint64_t segment) const {
  CGW_ASSIGN(auto rows, database_->prepare("SELECT id FROM cut WHERE segment=?1"));
  rows.bind(to_sql(segment));
  CGW_ASSIGN(const bool row, rows.step());
  if (!row) return std::nullopt;
  return rows.integer(0);
}

Result<std::optional<StoredCut>> SampleFile::extent() const {
  CGW_ASSIGN(auto rows,
             database_->prepare("SELECT min(from_ms),max(until_ms),count(*),max(id) FROM cut"));
  CGW_ASSIGN(const bool row, rows.step());
  if (!row || rows.integer(2) == 0) return std::nullopt;
  return StoredCut{rows.integer(3), 0, from_sql(rows.integer(0)), from_sql(rows.integer(1))};
}

Result<bool> SampleFile::chunk(std::int64_t cut, std::int64_t stream, std::string& bytes) {
  if (!chunk_) {
    CGW_ASSIGN(chunk_, database_->prepare("SELECT data FROM chunk WHERE id=?1"));
  }
  chunk_->bind(chunk_id(cut, stream));
  const auto row = chunk_->step();
  if (row && *row) bytes = chunk_->bytes(0);
  chunk_->rewind();  // or the writer could not commit
  return row;
}

Status SampleFile::chunks(
    std::int64_t cut,
    const std::function<Status(std::int64_t stream, std::string_view bytes)>& take) const {
  CGW_ASSIGN(auto rows,
             database_->prepare("SELECT id,data FROM chunk WHERE id>=?1 AND id<?2 ORDER BY id"));
  rows.bind(chunk_id(cut, 0)).bind(chunk_id(cut + 1, 0));
  for (;;) {
    CGW_ASSIGN(const bool row, rows.step());
    if (!row) return {};
    const std::int64_t stream = rows.integer(0) & ((std::int64_t{1} << kStreamBits) - 1);
    CGW_TRY(take(stream, rows.bytes(1)));
  }
}

}  // namespace cgwarden::diagnosis::recording
