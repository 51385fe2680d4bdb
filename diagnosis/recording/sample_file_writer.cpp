#include <algorithm>
#include <numeric>
#include <utility>

#include "base/limits.h"
#include "diagnosis/recording/sample_schema.h"
#include "diagnosis/recording/sample_writer.h"
#include "diagnosis/recording/sql_number.h"

namespace cgwarden::diagnosis::recording {
namespace {

// Of those between two cuts; more would make the next deletion come soon, and fewer loses less.
constexpr std::int64_t kDroppedPart = 10;

}  // namespace

Result<SampleFileWriter> SampleFileWriter::open(const std::string& path) {
  CGW_ASSIGN(Database database, Database::open(path, Database::Mode::read_write_create));
  SampleFileWriter writer(path, std::move(database));
  CGW_TRY(writer.take_up());
  return writer;
}

// An empty new file gets the schema; ours is taken as it is; anything else is malformed.
Status SampleFileWriter::take_up() {
  CGW_ASSIGN(const std::int64_t application, database_->pragma("application_id"));
  CGW_ASSIGN(const std::int64_t version, database_->pragma("user_version"));
  if (application == kSamplesApplicationId && version > kSamplesSchemaVersion) {
    return fail(
        Error{ErrorKind::not_supported, 0, "open", path_,
              "it was written by a newer cgwarden (schema " + std::to_string(version) + ")"});
  }
  if (application == kSamplesApplicationId && version == kSamplesSchemaVersion) {
    CGW_TRY(database_->execute(kSamplesPragmas));
    return database_->execute(
        "SELECT id FROM cut LIMIT 1;SELECT id FROM stream LIMIT 1;"
        "SELECT id FROM chunk LIMIT 1;SELECT id FROM field LIMIT 1;");
  }
  CGW_ASSIGN(auto tables, database_->prepare("SELECT count(*) FROM sqlite_master"));
  CGW_ASSIGN(const bool row, tables.step());
  if (application != 0 || version != 0 || !row || tables.integer(0) != 0) {
    return fail(Error::malformed("open", path_, "it is not a recording of cgwarden"));
  }
  tables = {};
  CGW_TRY(database_->execute(kSamplesPragmas));
  return database_->execute(samples_tables());
}

Result<std::uint32_t> SampleFileWriter::field_number(const cgroup::Field& field) {
  const auto known = fields_.find(field.name);
  if (known != fields_.end()) return known->second;
  CGW_ASSIGN(auto insert,
             database_->prepare("INSERT OR IGNORE INTO field(name,kind) VALUES(?1,?2)"));
  insert.bind(field.name).bind(to_string(field.kind));
  CGW_TRY(insert.run());
  CGW_ASSIGN(auto select, database_->prepare("SELECT id FROM field WHERE name=?1"));
  select.bind(field.name);
  CGW_ASSIGN(const bool row, select.step());
  if (!row) return fail(Error::malformed("read", path_, "it lost a field"));
  const std::int64_t id = select.integer(0);
  if (id < 0 || id >= static_cast<std::int64_t>(limits::kRecordedFields)) {
    return fail(Error::malformed("read", path_, "it has too many fields"));
  }
  return fields_[field.name] = static_cast<std::uint32_t>(id);
}

Result<SampleFileWriter::Columns> SampleFileWriter::columns_of(
    const std::vector<cgroup::Field>& fields) {
  std::vector<std::uint32_t> numbers(fields.size());
  for (std::size_t f = 0; f < fields.size(); ++f) {
    CGW_ASSIGN(numbers[f], field_number(fields[f]));
  }
  std::vector<std::uint32_t> order(fields.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [&](std::uint32_t f) { return numbers[f]; });
  Columns columns;
  columns.columns.resize(fields.size());
  for (std::uint32_t column = 0; column < order.size(); ++column) {
    columns.columns[order[column]] = column;
    columns.numbers.push_back(numbers[order[column]]);
  }
  return columns;
}

Result<std::int64_t> SampleFileWriter::boot_row(const std::string& boot) {
  const auto known = boots_.find(boot);
  if (known != boots_.end()) return known->second;
  CGW_ASSIGN(auto insert, database_->prepare("INSERT OR IGNORE INTO boot(boot_id) VALUES(?1)"));
  insert.bind(boot);
  CGW_TRY(insert.run());
  CGW_ASSIGN(auto select, database_->prepare("SELECT id FROM boot WHERE boot_id=?1"));
  select.bind(boot);
  CGW_ASSIGN(const bool row, select.step());
  if (!row) return fail(Error::malformed("read", path_, "it lost a boot"));
  return boots_[boot] = select.integer(0);
}

Result<std::int64_t> SampleFileWriter::upsert_stream(const Stream& stream, std::uint64_t first_ms,
                                                     std::uint64_t last_ms) {
  CGW_ASSIGN(const std::int64_t boot, boot_row(stream.boot));
  std::string names;
  std::string values;
  std::string updates;
  for (const IdentityText& text : kIdentityTexts) {
    names.append(",").append(text.column);
    values.append(",?");
    updates.append(",").append(text.column).append("=excluded.").append(text.column);
  }
  CGW_ASSIGN(auto upsert,
             database_->prepare("INSERT INTO stream(boot,cgroup,run,path,first_ms,last_ms,kind" +
                                names + ") VALUES(?,?,?,?,?,?,?" + values +
                                ") ON CONFLICT(boot,cgroup,run,path) DO UPDATE SET "
                                "first_ms=min(first_ms,excluded.first_ms),"
                                "last_ms=max(last_ms,excluded.last_ms),kind=excluded.kind" +
                                updates + " RETURNING id"));
  upsert.bind(boot)
      .bind(to_sql(stream.id.value))
      .bind(to_sql(stream.run))
      .bind(stream.path)
      .bind(to_sql(first_ms))
      .bind(to_sql(last_ms))
      .bind(identity::to_string(stream.identity.kind));
  for (const IdentityText& text : kIdentityTexts) upsert.bind(stream.identity.*text.member);
  CGW_ASSIGN(const bool row, upsert.step());
  if (!row) return fail(Error::malformed("write", path_, "a stream has no number"));
  const std::int64_t id = upsert.integer(0);
  upsert.rewind();
  if (id >> kStreamBits != 0)
    return fail(Error::malformed("write", path_, "it has too many streams"));
  return id;
}

Result<std::int64_t> SampleFileWriter::stream_row(const Stream& stream, std::uint64_t first_ms,
                                                  std::uint64_t last_ms,
                                                  Database::Statement& update) {
  Known& known = streams_[{stream.boot, stream.id.value, stream.run, stream.path}];
  known.round = round_;
  if (known.row != 0 && known.identity == stream.identity) {
    update.bind(known.row).bind(to_sql(last_ms));
    CGW_TRY(update.run());
    return known.row;
  }
  CGW_ASSIGN(known.row, upsert_stream(stream, first_ms, last_ms));
  known.identity = stream.identity;
  return known.row;
}

Status SampleFileWriter::put_cut(std::int64_t id, const Cut& cut) {
  const auto [from, until] = std::ranges::minmax(cut.ticks);
  const std::string ticks = encode_ticks(cut.ticks);
  CGW_ASSIGN(auto insert,
             database_->prepare(
                 "INSERT INTO cut(id,segment,from_ms,until_ms,ticks) VALUES(?1,?2,?3,?4,?5)"));
  insert.bind(id)
      .bind(to_sql(cut.segment))
      .bind(to_sql(from))
      .bind(to_sql(until))
      .bind_bytes(ticks);
  return insert.run();
}

Status SampleFileWriter::put_chunks(std::int64_t id, const Cut& cut, Source& source) {
  CGW_ASSIGN(const Columns columns, columns_of(cut.fields));
  CGW_ASSIGN(auto update,
             database_->prepare("UPDATE stream SET last_ms=max(last_ms,?2) WHERE id=?1"));
  std::vector<std::pair<std::int64_t, std::size_t>> rows;
  rows.reserve(source.streams());
  for (std::size_t i = 0; i < source.streams(); ++i) {
    const auto [first, last] = source.ticks(i);
    CGW_ASSIGN(const std::int64_t row,
               stream_row(source.stream(i), cut.ticks[first], cut.ticks[last], update));
    rows.emplace_back(row, i);
  }
  // Appended, whatever the order in which the cgroups came.
  std::ranges::sort(rows);
  CGW_ASSIGN(auto insert, database_->prepare("INSERT INTO chunk(id,data) VALUES(?1,?2)"));
  for (const auto& [row, i] : rows) {
    // This file is not to blame.
    if (Status read = source.block(i, columns.columns, columns.numbers.size(), block_); !read) {
      return fail(Error::invalid("store", source.stream(i).path, read.error().sentence()));
    }
    CGW_ASSIGN(const std::string_view data, encoder_.encode(block_, columns.numbers));
    insert.bind(chunk_id(id, row)).bind_bytes(data);
    CGW_TRY(insert.run());
  }
  return {};
}

Result<bool> SampleFileWriter::put(const Cut& cut, Source& source) {
  if (cut.ticks.empty()) return false;
  CGW_ASSIGN(auto transaction, Database::Transaction::begin(*database_));
  const auto store = [&]() -> Result<bool> {
    CGW_ASSIGN(auto last, database_->prepare("SELECT max(id), max(segment=?1) FROM cut"));
    last.bind(to_sql(cut.segment));
    CGW_ASSIGN(const bool row, last.step());
    if (row && last.integer(1) != 0) return false;
    const std::int64_t id = row ? last.integer(0) + 1 : 1;
    last = {};
    ++round_;
    CGW_TRY(put_cut(id, cut));
    CGW_TRY(put_chunks(id, cut, source));
    return true;
  };
  auto stored = store();
  if (stored && *stored) {
    if (Status committed = transaction.commit(); !committed) stored = fail(committed.error());
  }
  if (!stored) forget();
  std::erase_if(streams_, [this](const auto& entry) { return entry.second.round != round_; });
  return stored;
}

void SampleFileWriter::forget() {
  fields_.clear();
  boots_.clear();
  streams_.clear();
}

Result<bool> SampleFileWriter::drop_oldest() {
  CGW_ASSIGN(auto ends, database_->prepare("SELECT min(id),max(id) FROM cut"));
  CGW_ASSIGN(const bool row, ends.step());
  if (!row) return false;
  const std::int64_t first = ends.integer(0);
  const std::int64_t last = ends.integer(1);
  ends = {};
  if (first == last) return false;
  const std::int64_t keep = first + std::max<std::int64_t>(1, (last - first) / kDroppedPart);
  CGW_ASSIGN(auto transaction, Database::Transaction::begin(*database_));
  for (const auto& [sql, bound] :
       {std::pair{"DELETE FROM chunk WHERE id<?1", chunk_id(keep, 0)},
        std::pair{"DELETE FROM cut WHERE id<?1", keep},
        std::pair{"DELETE FROM stream WHERE last_ms<(SELECT min(from_ms) FROM cut WHERE id>=?1)",
                  keep}}) {
    CGW_ASSIGN(auto remove, database_->prepare(sql));
    remove.bind(bound);
    CGW_TRY(remove.run());
  }
  CGW_TRY(transaction.commit());
  streams_.clear();
  return true;
}

Result<std::uint64_t> SampleFileWriter::used_bytes() const {
  CGW_ASSIGN(const std::int64_t pages, database_->pragma("page_count"));
  CGW_ASSIGN(const std::int64_t free, database_->pragma("freelist_count"));
  CGW_ASSIGN(const std::int64_t size, database_->pragma("page_size"));
  return static_cast<std::uint64_t>((pages - free) * size);
}

}  // namespace cgwarden::diagnosis::recording
