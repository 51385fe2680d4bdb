#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "diagnosis/sqlite.h"
#include "diagnosis/store.h"
#include "diagnosis/store_kernel_log.h"
#include "diagnosis/store_schema.h"
#include "diagnosis/verdict_brief.h"

namespace cgwarden::diagnosis {

namespace {

// An agent killed in the middle of a commit leaves a journal that must be rolled back before the
// file can be read, which a read-only connection cannot do.
Result<Database> open_readable(const std::string& path) {
  CGW_ASSIGN(Database database, Database::open(path, Database::Mode::read_only));
  const auto readable = database.pragma("application_id");
  if (readable) return database;
  if (readable.error().kind != ErrorKind::not_permitted) return fail(readable.error());
  CGW_ASSIGN(Database repaired, Database::open(path, Database::Mode::read_write));
  if (auto rolled_back = repaired.pragma("application_id"); !rolled_back) {
    Error error = std::move(rolled_back).error();
    error.detail += "; the agent died while it wrote: start it, or read the store as root once";
    return fail(std::move(error));
  }
  CGW_TRY(repaired.execute("PRAGMA query_only=ON"));
  return repaired;
}

}  // namespace

struct StoreReader::Impl {
  Database database;
  std::string path;
  std::int64_t version = 0;
  std::size_t unreadable = 0;

  Result<std::vector<Verdict>> all_of(Database::Statement& statement) {
    std::vector<Verdict> verdicts;
    for (;;) {
      CGW_ASSIGN(const bool row, statement.step());
      if (!row) return verdicts;
      if (auto verdict = parse_verdict(statement.text(0), path)) {
        verdicts.push_back(*std::move(verdict));
      } else {
        ++unreadable;
      }
    }
  }
};

StoreReader::StoreReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StoreReader::StoreReader(StoreReader&&) noexcept = default;
StoreReader& StoreReader::operator=(StoreReader&&) noexcept = default;
StoreReader::~StoreReader() = default;

Result<StoreReader> StoreReader::open(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) {
    return fail(Error::from_errno(errno, "open", path, "no agent has stored a verdict yet"));
  }
  CGW_ASSIGN(Database database, open_readable(path));
  CGW_ASSIGN(const std::int64_t application, database.pragma("application_id"));
  if (application != kStoreApplicationId) {
    return fail(Error::malformed("open", path, "it is not a cgwarden store"));
  }
  CGW_ASSIGN(const std::int64_t version, database.pragma("user_version"));
  if (version > kStoreSchemaVersion) {
    return fail(
        Error{ErrorKind::not_supported, 0, "open", path,
              "it was written by a newer cgwarden (schema " + std::to_string(version) + ")"});
  }
  auto impl = std::make_unique<Impl>();
  impl->database = std::move(database);
  impl->path = path;
  impl->version = version;
  return StoreReader(std::move(impl));
}

std::size_t StoreReader::unreadable() const { return impl_->unreadable; }

Result<std::vector<Verdict>> StoreReader::verdicts(std::string_view workload,
                                                   std::size_t limit) const {
  CGW_ASSIGN(auto statement,
             impl_->database.prepare(
                 "SELECT json FROM ("
                 "SELECT * FROM (SELECT id,when_wall_usec,json FROM verdict WHERE workload=?1 AND "
                 "death=1 ORDER BY when_wall_usec DESC,id DESC LIMIT ?2) UNION ALL "
                 "SELECT * FROM (SELECT id,when_wall_usec,json FROM verdict WHERE workload=?1 AND "
                 "death=0 ORDER BY when_wall_usec DESC,id DESC LIMIT ?2)) "
                 "ORDER BY when_wall_usec DESC,id DESC"));
  statement.bind(workload).bind(static_cast<std::int64_t>(limit));
  return impl_->all_of(statement);
}

Result<std::vector<Verdict>> StoreReader::brief_deaths(std::string_view workload,
                                                       std::size_t limit) const {
  CGW_ASSIGN(impl_->version, impl_->database.pragma("user_version"));
  // The whole one of a verdict of before version 4 is read only where there is no other.
  const std::string json = impl_->version < 4
                               ? "json"
                               : "coalesce((SELECT brief.json FROM verdict_brief AS brief WHERE "
                                 "brief.id=verdict.id),json)";
  CGW_ASSIGN(auto statement,
             impl_->database.prepare("SELECT " + json +
                                     " FROM verdict WHERE workload=?1 AND death=1 "
                                     "ORDER BY when_wall_usec DESC,id DESC LIMIT ?2"));
  statement.bind(workload).bind(static_cast<std::int64_t>(limit));
  std::vector<Verdict> deaths;
  for (;;) {
    CGW_ASSIGN(const bool row, statement.step());
    if (!row) return deaths;
    if (auto death = parse_brief(statement.text(0))) {
      deaths.push_back(*std::move(death));
    } else {
      ++impl_->unreadable;
    }
  }
}

Result<std::vector<Verdict>> StoreReader::verdicts_since(Usec wall, std::size_t limit) const {
  CGW_ASSIGN(auto statement,
             impl_->database.prepare("SELECT json FROM verdict WHERE when_wall_usec>=?1 "
                                     "ORDER BY when_wall_usec DESC, id DESC LIMIT ?2"));
  statement.bind(static_cast<std::int64_t>(wall.count())).bind(static_cast<std::int64_t>(limit));
  return impl_->all_of(statement);
}

Result<std::vector<std::string>> StoreReader::workloads() const {
  CGW_ASSIGN(auto statement,
             impl_->database.prepare("SELECT DISTINCT workload FROM verdict ORDER BY workload"));
  std::vector<std::string> names;
  for (;;) {
    CGW_ASSIGN(const bool row, statement.step());
    if (!row) return names;
    names.push_back(statement.text(0));
  }
}

Result<std::vector<StoredEvent>> StoreReader::events(const EventFilter& filter) const {
  std::vector<StoredEvent> events;
  if (impl_->version < 2) {
    // An agent that was started since may have brought it up to date.
    CGW_ASSIGN(impl_->version, impl_->database.pragma("user_version"));
    if (impl_->version < 2) return events;
  }
  const auto wall = [](Usec time) {
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    return static_cast<std::int64_t>(std::min<std::uint64_t>(time.count(), kMost));
  };
  CGW_ASSIGN(auto statement,
             impl_->database.prepare("SELECT id,json FROM event WHERE id>?1 AND "
                                     "when_wall_usec>=?2 AND when_wall_usec<=?3 ORDER BY id DESC"));
  statement.bind(filter.after).bind(wall(filter.since)).bind(wall(filter.until));
  while (events.size() < filter.most) {
    CGW_ASSIGN(const bool row, statement.step());
    if (!row) break;
    auto event = parse_event(statement.text(1), impl_->path);
    if (!event) {
      ++impl_->unreadable;
      continue;
    }
    if (filter.matches && !filter.matches(*event)) continue;
    events.push_back({statement.integer(0), *std::move(event)});
  }
  std::ranges::reverse(events);
  return events;
}

Result<std::vector<KernelLogOfBoot>> StoreReader::kernel_log(Usec since, Usec until) const {
  std::vector<KernelLogOfBoot> found;
  CGW_ASSIGN(impl_->version, impl_->database.pragma("user_version"));
  if (impl_->version < 3) return found;
  CGW_ASSIGN(auto boots,
             impl_->database.prepare("SELECT number,boot_id FROM boot ORDER BY number"));
  for (;;) {
    CGW_ASSIGN(const bool row, boots.step());
    if (!row) return found;
    CGW_ASSIGN(auto log, read_kernel_log(impl_->database, boots.integer(0), since, until));
    if (!log.lines.empty() || !log.gaps.empty()) found.push_back({boots.text(1), std::move(log)});
  }
}

}  // namespace cgwarden::diagnosis
