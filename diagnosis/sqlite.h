#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace cgwarden::diagnosis {

// One SQLite connection; sqlite3.h stays in sqlite.cpp. Errors: busy (locked longer than the
// timeout), malformed (not a database or damaged), not_permitted, io (disk full and the rest), each
// with SQLite's own words.
class Database {
 public:
  enum class Mode { read_only, read_write, read_write_create };
  [[nodiscard]] static Result<Database> open(const std::string& path, Mode mode);

  [[nodiscard]] Status execute(const std::string& sql) const;
  [[nodiscard]] Result<std::int64_t> pragma(const std::string& name) const;

  // A prepared statement with its values bound in order.
  class Statement {
   public:
    Statement& bind(std::string_view text);
    Statement& bind(std::int64_t value);
    // A BLOB, which must stay until the statement has run.
    Statement& bind_bytes(std::string_view bytes);
    // True: a row is there.
    [[nodiscard]] Result<bool> step();
    // A statement without rows, run to its end; afterwards it can be bound and run again.
    [[nodiscard]] Status run();
    // To be bound and stepped again, after some of its rows.
    void rewind();
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] std::int64_t integer(int column) const;
    // Of a BLOB, until the next step.
    [[nodiscard]] std::string_view bytes(int column) const;

   private:
    friend class Database;
    struct Finalize {
      void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    const Database* database_ = nullptr;
    int next_ = 1;
    int bind_error_ = 0;
  };
  [[nodiscard]] Result<Statement> prepare(const std::string& sql) const;

  // All statements until commit() happen together or not at all; rolled back when it goes out of
  // scope uncommitted. Statements must be finalized before that.
  class Transaction {
   public:
    [[nodiscard]] static Result<Transaction> begin(const Database& database);
    Transaction(Transaction&& other) noexcept;
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();
    [[nodiscard]] Status commit();

   private:
    explicit Transaction(const Database& database) : database_(&database) {}
    const Database* database_;
  };

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  [[nodiscard]] Error error(int code, const std::string& operation) const;
  std::unique_ptr<sqlite3, Close> database_;
  std::string path_;
};

}  // namespace cgwarden::diagnosis
