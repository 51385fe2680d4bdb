#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <set>
#include <span>
#include <system_error>
#include <utility>

#include "identity/subject.h"

#include "base/limits.h"
#include "diagnosis/sqlite.h"
#include "diagnosis/store.h"
#include "diagnosis/store_boots.h"
#include "diagnosis/store_kernel_log.h"
#include "diagnosis/store_schema.h"
#include "diagnosis/verdict_brief.h"

namespace cgwarden::diagnosis {
namespace {

std::int64_t wall(const TimePoint& time) { return static_cast<std::int64_t>(time.wall.count()); }

Status check_pages(const Database& database, const std::string& path) {
  CGW_ASSIGN(auto check, database.prepare("PRAGMA quick_check(1)"));
  CGW_ASSIGN(const bool row, check.step());
  if (!row || check.text(0) != "ok") return fail(Error::malformed("read", path, "it is damaged"));
  return {};
}

Status upgrade(const Database& database, std::int64_t version) {
  CGW_ASSIGN(auto transaction, Database::Transaction::begin(database));
  Status done = database.execute(kStoreUpgrades[version]);
  if (done) done = transaction.commit();
  // On a full disk verdicts go on in the tables that are there.
  if (!done && done.error().kind == ErrorKind::io) return {};
  return done;
}

// An empty new file gets the schema, an older one of ours is brought up to date; anything else is
// malformed.
Status take_up(const Database& database, const std::string& path) {
  CGW_ASSIGN(const std::int64_t application, database.pragma("application_id"));
  CGW_ASSIGN(const std::int64_t version, database.pragma("user_version"));
  if (application == kStoreApplicationId && version > kStoreSchemaVersion) {
    return fail(Error{ErrorKind::not_supported, 0, "open", path,
                      "it was written by a newer cgwarden (schema " + std::to_string(version) +
                          "); run that version or name another --state-dir"});
  }
  if (application == kStoreApplicationId && version >= 1) {
    CGW_TRY(database.execute(kStorePragmas));
    CGW_TRY(check_pages(database, path));
    return version < kStoreSchemaVersion ? upgrade(database, version) : Status{};
  }
  CGW_ASSIGN(auto tables, database.prepare("SELECT count(*) FROM sqlite_master"));
  CGW_ASSIGN(const bool row, tables.step());
  if (application != 0 || version != 0 || !row || tables.integer(0) != 0) {
    return fail(Error::malformed("open", path, "it is not a cgwarden store"));
  }
  tables = {};
  CGW_TRY(database.execute(kStorePragmas));
  return database.execute(kStoreTables);
}

Result<Database> open_ours(const std::string& path) {
  CGW_ASSIGN(Database database, Database::open(path, Database::Mode::read_write_create));
  CGW_TRY(take_up(database, path));
  return database;
}

// Not in a file that could not be brought to schema version 4.
Status put_brief(const Database& database, std::int64_t id, const Verdict& verdict) {
  CGW_ASSIGN(const std::int64_t version, database.pragma("user_version"));
  if (version < 4) return {};
  CGW_ASSIGN(auto insert,
             database.prepare("INSERT OR REPLACE INTO verdict_brief(id,json) VALUES(?1,?2)"));
  insert.bind(id).bind(to_json(brief_of(verdict)));
  return insert.run();
}

Status put_verdict(const Database& database, const Verdict& verdict) {
  CGW_ASSIGN(auto insert,
             database.prepare(
                 "INSERT INTO "
                 "verdict(workload,incarnation,class,death,from_wall_usec,when_wall_usec,json) "
                 "VALUES(?1,?2,?3,?4,?5,?6,?7) "
                 "ON CONFLICT(workload,incarnation,class,from_wall_usec) DO UPDATE SET "
                 "death=excluded.death, when_wall_usec=excluded.when_wall_usec, json=excluded.json "
                 "RETURNING id"));
  insert.bind(verdict.workload)
      .bind(static_cast<std::int64_t>(verdict.incarnation))
      .bind(to_string(verdict.verdict))
      .bind(std::int64_t{verdict.death ? 1 : 0})
      .bind(wall(verdict.from))
      .bind(wall(verdict.when))
      .bind(to_json(verdict));
  CGW_ASSIGN(const bool stored, insert.step());
  const std::int64_t id = stored ? insert.integer(0) : 0;
  CGW_TRY(insert.run());
  if (verdict.death) CGW_TRY(put_brief(database, id, verdict));
  // Stalls go before deaths, the oldest first; the newest row stays, it is what happens now.
  CGW_ASSIGN(auto prune,
             database.prepare("DELETE FROM verdict WHERE workload=?1 AND id IN ("
                              "SELECT id FROM verdict WHERE workload=?1 ORDER BY "
                              "when_wall_usec=(SELECT max(when_wall_usec) FROM verdict WHERE "
                              "workload=?1) DESC, death DESC, when_wall_usec DESC, id DESC "
                              "LIMIT -1 OFFSET ?2)"));
  prune.bind(verdict.workload).bind(static_cast<std::int64_t>(limits::kVerdictsPerWorkload));
  return prune.run();
}

// Names of subjects may be made for one use, so that the bound by name does not bound them.
Status prune_subjects(const Database& database, Usec newest) {
  static constexpr const char* kOfSubjects =
      "((workload>='container:' AND workload<'container;') OR (workload>='unit:' AND "
      "workload<'unit;'))";
  CGW_ASSIGN(auto most, database.prepare(std::string("DELETE FROM verdict WHERE id IN (SELECT id "
                                                     "FROM verdict WHERE ") +
                                         kOfSubjects + " ORDER BY id DESC LIMIT -1 OFFSET ?1)"));
  most.bind(static_cast<std::int64_t>(limits::kSubjectVerdicts));
  CGW_TRY(most.run());
  const Usec kept = std::chrono::seconds(limits::kSubjectVerdictSeconds);
  if (newest < kept) return {};
  CGW_ASSIGN(auto old, database.prepare(std::string("DELETE FROM verdict WHERE id IN (SELECT id "
                                                    "FROM verdict WHERE when_wall_usec<?1 AND ") +
                                        kOfSubjects + ")"));
  old.bind(static_cast<std::int64_t>((newest - kept).count()));
  return old.run();
}

Status put_counters(const Database& database, std::span<const StoreWriter::Counter> counters) {
  CGW_ASSIGN(auto statement,
             database.prepare("INSERT INTO counter(workload,name,value) VALUES(?1,?2,?3) "
                              "ON CONFLICT(workload,name) DO UPDATE SET value=excluded.value"));
  for (const auto& counter : counters) {
    statement.bind(counter.workload)
        .bind(counter.counter)
        .bind(static_cast<std::int64_t>(counter.value));
    CGW_TRY(statement.run());
  }
  return {};
}

Status append_events(const Database& database, std::span<const Event> events) {
  CGW_ASSIGN(auto insert,
             database.prepare("INSERT INTO event(kind,when_wall_usec,json) VALUES(?1,?2,?3)"));
  for (const Event& event : events) {
    insert.bind(to_string(event.kind)).bind(wall(event.when)).bind(to_json(event));
    CGW_TRY(insert.run());
  }
  return {};
}

Status prune_events(const Database& database, std::span<const Event> events) {
  CGW_ASSIGN(auto most,
             database.prepare("DELETE FROM event WHERE kind=?1 AND id<=(SELECT id FROM event WHERE "
                              "kind=?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)"));
  std::set<EventKind> kinds;
  Usec newest{0};
  for (const Event& event : events) {
    kinds.insert(event.kind);
    newest = std::max(newest, event.when.wall);
  }
  for (const EventKind kind : kinds) {
    most.bind(to_string(kind)).bind(static_cast<std::int64_t>(limits::kStoredEventsPerKind));
    CGW_TRY(most.run());
  }
  const Usec kept = std::chrono::seconds(limits::kStoredEventSeconds);
  if (newest < kept) return {};
  // Ids rise with time: only the oldest can be too old.
  CGW_ASSIGN(auto old, database.prepare("DELETE FROM event WHERE when_wall_usec<?1 AND id IN "
                                        "(SELECT id FROM event ORDER BY id LIMIT 1000)"));
  old.bind(static_cast<std::int64_t>((newest - kept).count()));
  return old.run();
}

}  // namespace

struct StoreWriter::Impl {
  Database database;
  std::string notice;
  bool has_boots = true;  // schema version 3
  std::int64_t boot = 0;  // 0: none was begun
  std::size_t unpruned = limits::kStoredKernelLogKills;
  std::size_t subjects_unpruned = limits::kSubjectVerdicts;

  Status put_verdicts(std::span<const Verdict> verdicts);
  Status put_log(const StoredKernelLog& log);
};

Status StoreWriter::Impl::put_verdicts(std::span<const Verdict> verdicts) {
  for (const auto& verdict : verdicts) {
    CGW_TRY(put_verdict(database, verdict));
    subjects_unpruned += identity::is_subject_key(verdict.workload) ? 1 : 0;
  }
  constexpr std::size_t kVerdictsBetween = 200;
  if (verdicts.empty() || subjects_unpruned < kVerdictsBetween) return {};
  CGW_TRY(prune_subjects(database, verdicts.back().when.wall));
  subjects_unpruned = 0;
  return {};
}

Status StoreWriter::Impl::put_log(const StoredKernelLog& log) {
  if (boot == 0 || (log.lines.empty() && log.gaps.empty() && !log.last_sequence)) return {};
  CGW_TRY(append_kernel_log(database, boot, log));
  unpruned += log.lines.size() + log.gaps.size();
  // Pruning looks at all of them: not for every line.
  constexpr std::size_t kLinesBetween = 1000;
  if (unpruned < kLinesBetween || log.lines.empty()) return {};
  CGW_TRY(prune_kernel_log(database, log.lines.back().when.wall));
  unpruned = 0;
  return {};
}

StoreWriter::StoreWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StoreWriter::StoreWriter(StoreWriter&&) noexcept = default;
StoreWriter& StoreWriter::operator=(StoreWriter&&) noexcept = default;
StoreWriter::~StoreWriter() = default;

const std::string& StoreWriter::notice() const { return impl_->notice; }

Result<StoreWriter> StoreWriter::open(const std::string& path, std::uint64_t wall_seconds) {
  auto impl = std::make_unique<Impl>();
  auto database = open_ours(path);
  if (!database && database.error().kind == ErrorKind::malformed) {
    const std::string aside = path + ".damaged-" + std::to_string(wall_seconds);
    if (std::rename(path.c_str(), aside.c_str()) != 0) {
      return fail(Error::from_errno(errno, "move aside", path));
    }
    // A rollback journal belongs to the file that was moved, not to the new one.
    std::error_code ignored;
    std::filesystem::rename(path + "-journal", aside + "-journal", ignored);
    impl->notice = path + " was not usable (" + database.error().detail + "); it was moved to " +
                   aside + " and a new store begun";
    database = open_ours(path);
  }
  if (!database) return fail(database.error());
  if (const auto version = database->pragma("user_version");
      version && *version < kStoreSchemaVersion) {
    impl->notice =
        "the disk is full or cannot be written: " + path +
        " keeps the schema of an older version, without what is newer (events, the kernel "
        "log), until the next start";
    impl->has_boots = false;
  }
  impl->database = std::move(*database);
  return StoreWriter(std::move(impl));
}

Status StoreWriter::put(std::span<const Verdict> verdicts, std::span<const Counter> counters,
                        const StoredKernelLog& log, bool* log_dropped) {
  const auto attempt = [&](bool with_log) -> Status {
    CGW_ASSIGN(auto transaction, Database::Transaction::begin(impl_->database));
    CGW_TRY(impl_->put_verdicts(verdicts));
    CGW_TRY(put_counters(impl_->database, counters));
    if (with_log) CGW_TRY(impl_->put_log(log));
    return transaction.commit();
  };
  const bool has_log = !log.lines.empty() || !log.gaps.empty();
  if (verdicts.empty() && counters.empty() && !has_log) return {};
  Status stored = attempt(has_log);
  if (stored || !has_log) return stored;
  if (log_dropped != nullptr) *log_dropped = true;
  return attempt(false);
}

Status StoreWriter::begin_boot(const std::string& boot_id, Usec wall_now) {
  if (!impl_->has_boots || boot_id.empty()) return {};
  CGW_ASSIGN(auto transaction, Database::Transaction::begin(impl_->database));
  CGW_ASSIGN(const std::int64_t boot, put_boot(impl_->database, boot_id, wall_now));
  CGW_TRY(transaction.commit());
  impl_->boot = boot;
  return {};
}

bool StoreWriter::keeps_boots() const { return impl_->has_boots; }

Result<StoredKernelLog> StoreWriter::kernel_log() const {
  if (impl_->boot == 0) return StoredKernelLog{};
  return read_kernel_log(impl_->database, impl_->boot, Usec{0}, kEndOfTime);
}

Status StoreWriter::put_kernel_log(const StoredKernelLog& fresh) {
  CGW_ASSIGN(auto transaction, Database::Transaction::begin(impl_->database));
  CGW_TRY(impl_->put_log(fresh));
  return transaction.commit();
}

Result<std::vector<EarlierBoot>> StoreWriter::unfinished_boots() const {
  if (impl_->boot == 0) return std::vector<EarlierBoot>{};
  return read_unfinished_boots(impl_->database, impl_->boot);
}

Status StoreWriter::forget_unfinished_boots() {
  if (impl_->boot == 0) return {};
  return remove_running_of_others(impl_->database, impl_->boot);
}

Status StoreWriter::put_running(std::span<const RunningWorkload> running, Usec wall_now,
                                bool stopped) {
  if (impl_->boot == 0) return {};
  CGW_ASSIGN(auto transaction, Database::Transaction::begin(impl_->database));
  CGW_TRY(replace_running(impl_->database, impl_->boot, running, wall_now, stopped));
  return transaction.commit();
}

Status StoreWriter::put_events(std::span<const Event> events, std::span<const Counter> counters) {
  if (events.empty() && counters.empty()) return {};
  CGW_ASSIGN(auto transaction, Database::Transaction::begin(impl_->database));
  CGW_TRY(append_events(impl_->database, events));
  if (!events.empty()) CGW_TRY(prune_events(impl_->database, events));
  CGW_TRY(put_counters(impl_->database, counters));
  return transaction.commit();
}

Result<bool> StoreWriter::has_death(std::string_view workload, unsigned incarnation,
                                    Usec ended_wall) const {
  CGW_ASSIGN(auto statement,
             impl_->database.prepare("SELECT 1 FROM verdict WHERE workload=?1 AND incarnation=?2 "
                                     "AND death=1 AND when_wall_usec=?3"));
  statement.bind(workload)
      .bind(static_cast<std::int64_t>(incarnation))
      .bind(static_cast<std::int64_t>(ended_wall.count()));
  return statement.step();
}

Result<std::vector<StoreWriter::Counter>> StoreWriter::counters() const {
  CGW_ASSIGN(auto statement, impl_->database.prepare(
                                 "SELECT workload,name,value FROM counter ORDER BY workload,name"));
  std::vector<Counter> counters;
  for (;;) {
    CGW_ASSIGN(const bool row, statement.step());
    if (!row) return counters;
    counters.push_back(
        {statement.text(0), statement.text(1), static_cast<std::uint64_t>(statement.integer(2))});
  }
}

Status StoreWriter::remove_counters(std::span<const std::string> workloads) {
  if (workloads.empty()) return {};
  CGW_ASSIGN(auto transaction, Database::Transaction::begin(impl_->database));
  for (const auto& workload : workloads) CGW_TRY(remove_counters(std::string_view(workload)));
  return transaction.commit();
}

Status StoreWriter::remove_counters(std::string_view workload) {
  CGW_ASSIGN(auto statement, impl_->database.prepare("DELETE FROM counter WHERE workload=?1"));
  statement.bind(workload);
  CGW_ASSIGN(const bool row, statement.step());
  (void)row;
  return {};
}

}  // namespace cgwarden::diagnosis
