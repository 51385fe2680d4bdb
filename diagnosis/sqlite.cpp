#include "diagnosis/sqlite.h"

#include <sqlite3.h>

#include <cerrno>
#include <utility>

namespace cgwarden::diagnosis {
namespace {

// A reader holds the file for milliseconds; a writer waits that long rather than losing a verdict.
constexpr int kBusyTimeoutMsec = 2000;

}  // namespace

void Database::Close::operator()(sqlite3* database) const { ::sqlite3_close_v2(database); }
void Database::Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  ::sqlite3_finalize(statement);
}

Error Database::error(int code, const std::string& operation) const {
  Error error{ErrorKind::io, 0, operation, path_,
              database_ ? ::sqlite3_errmsg(database_.get()) : ::sqlite3_errstr(code)};
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      error.kind = ErrorKind::busy;
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      error.kind = ErrorKind::malformed;
      break;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      error.kind = ErrorKind::not_permitted;
      break;
    case SQLITE_FULL:
      error.errno_value = ENOSPC;
      break;
    default:
      break;
  }
  return error;
}

Result<Database> Database::open(const std::string& path, Mode mode) {
  Database database;
  database.path_ = path;
  int flags = mode == Mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (mode == Mode::read_write_create) flags |= SQLITE_OPEN_CREATE;
  sqlite3* raw = nullptr;
  const int code = ::sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_FULLMUTEX, nullptr);
  database.database_.reset(raw);
  if (code != SQLITE_OK) return fail(database.error(code, "open"));
  ::sqlite3_busy_timeout(raw, kBusyTimeoutMsec);
  return database;
}

Status Database::execute(const std::string& sql) const {
  const int code = ::sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(error(code, "use"));
  return {};
}

Result<Database::Statement> Database::prepare(const std::string& sql) const {
  Statement statement;
  sqlite3_stmt* raw = nullptr;
  const int code = ::sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &raw, nullptr);
  if (code != SQLITE_OK) return fail(error(code, "use"));
  statement.statement_.reset(raw);
  statement.database_ = this;
  return statement;
}

Result<std::int64_t> Database::pragma(const std::string& name) const {
  CGW_ASSIGN(Statement statement, prepare("PRAGMA " + name));
  CGW_ASSIGN(const bool row, statement.step());
  if (!row) return fail(Error::malformed("read pragma " + name + " of", path_, "it has no value"));
  return statement.integer(0);
}

Result<Database::Transaction> Database::Transaction::begin(const Database& database) {
  CGW_TRY(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Database::Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Database::Transaction::~Transaction() {
  // Nothing is left to roll back when SQLite itself gave the transaction up (a full disk).
  if (database_ != nullptr) (void)database_->execute("ROLLBACK");
}

Status Database::Transaction::commit() {
  CGW_TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

Database::Statement& Database::Statement::bind(std::string_view text) {
  const int code = ::sqlite3_bind_text(statement_.get(), next_++, text.data(),
                                       static_cast<int>(text.size()), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Database::Statement& Database::Statement::bind(std::int64_t value) {
  const int code = ::sqlite3_bind_int64(statement_.get(), next_++, value);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Database::Statement& Database::Statement::bind_bytes(std::string_view bytes) {
  const int code = ::sqlite3_bind_blob(statement_.get(), next_++, bytes.data(),
                                       static_cast<int>(bytes.size()), SQLITE_STATIC);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Result<bool> Database::Statement::step() {
  if (bind_error_ != SQLITE_OK) return fail(database_->error(bind_error_, "use"));
  const int code = ::sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return fail(database_->error(code, "use"));
}

Status Database::Statement::run() {
  CGW_ASSIGN(const bool row, step());
  (void)row;
  rewind();
  return {};
}

void Database::Statement::rewind() {
  ::sqlite3_reset(statement_.get());
  next_ = 1;
}

std::string Database::Statement::text(int column) const {
  const auto* bytes = ::sqlite3_column_text(statement_.get(), column);
  const int size = ::sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr || size <= 0) return {};
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

std::string_view Database::Statement::bytes(int column) const {
  const void* bytes = ::sqlite3_column_blob(statement_.get(), column);
  const int size = ::sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr || size <= 0) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

std::int64_t Database::Statement::integer(int column) const {
  return ::sqlite3_column_int64(statement_.get(), column);
}

}  // namespace cgwarden::diagnosis
