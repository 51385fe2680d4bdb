#include <CLI/CLI.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/event_text.h"
#include "cli/exit_code.h"
#include "cli/shared_options.h"
#include "cli/since.h"
#include "cli/terminal.h"
#include "cli/yaml_text.h"
#include "diagnosis/store.h"

namespace cgwarden::cli {
namespace {

using diagnosis::EventFilter;
using diagnosis::StoredEvent;
using diagnosis::StoreReader;

constexpr std::chrono::milliseconds kPollInterval{500};
// What --follow begins with.
constexpr std::size_t kLastOnes = 10;

Result<EventFilter> filter_of(const EventsOptions& options) {
  EventFilter filter;
  const Usec now = SystemClock().now().wall;
  if (!options.since.empty()) {
    CGW_ASSIGN(filter.since, parse_since(options.since, now));
  }
  if (!options.until.empty()) {
    CGW_ASSIGN(filter.until, parse_since(options.until, now, "--until"));
  }
  filter.matches = [&options](const diagnosis::Event& event) {
    const auto& kinds = options.kinds;
    if (!kinds.empty() && std::ranges::find(kinds, to_string(event.kind)) == kinds.end()) {
      return false;
    }
    return options.about.empty() || is_about(event, options.about);
  };
  filter.most =
      options.lines.value_or(options.follow ? kLastOnes : std::numeric_limits<std::size_t>::max());
  return filter;
}

void show(const std::vector<StoredEvent>& events, const EventsOptions& options) {
  std::string text;
  for (const auto& stored : events) {
    const std::string document = options.json ? to_json(stored.event) : event_line(stored.event);
    text += options.yaml ? yaml_text(document) : document + "\n";
  }
  print(text);
  std::fflush(stdout);  // somebody may wait for it at the end of a pipe
}

// Another file is there once a damaged store was moved aside; its ids begin anew.
ino_t inode_of(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

// Until somebody interrupts. A store that is not there (yet), or that its writer holds for long, is
// looked at again.
int follow(const std::string& path, EventFilter filter, const EventsOptions& options) {
  ino_t inode = 0;
  for (;; std::this_thread::sleep_for(kPollInterval)) {
    if (const ino_t now = inode_of(path); now != inode) {
      if (inode != 0) filter.after = 0;
      inode = now;
    }
    const auto store = StoreReader::open(path);
    const auto events =
        store ? store->events(filter) : Result<std::vector<StoredEvent>>(fail(store.error()));
    if (!events) {
      const ErrorKind kind = events.error().kind;
      if (kind == ErrorKind::vanished || kind == ErrorKind::busy) continue;
      return failed(events.error());
    }
    show(*events, options);
    if (!events->empty()) filter.after = events->back().id;
    filter.most = std::numeric_limits<std::size_t>::max();
  }
}

}  // namespace

void add_event_options(CLI::App& command, EventsOptions& options) {
  std::vector<std::string> kinds;
  for (const auto kind : diagnosis::all_event_kinds()) kinds.emplace_back(to_string(kind));
  add_since(command, options.since, "From when");
  add_until(command, options.until);
  add_utc(command);
  command.add_option("--kind", options.kinds, "Of this kind; may be repeated")
      ->type_name("KIND")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::IsMember(kinds));
  command
      .add_option("--cgroup", options.about,
                  "About cgroups of this path (a glob), or the workload, unit, container or pod of "
                  "this name")
      ->type_name("PATH|NAME");
  command.add_flag("-f,--follow", options.follow, "Go on with what happens, until interrupted");
  add_lines(command, options.lines, "The last N events");
  add_output(command, options.json, options.yaml, "One JSON object a line");
}

int events(const Common& common, const EventsOptions& options) {
  auto filter = filter_of(options);
  if (!filter) {
    complain(filter.error().sentence());
    return kUsage;
  }
  const std::string path = agent::store_path(common.where);
  if (options.follow) return follow(path, *std::move(filter), options);
  const auto store = StoreReader::open(path);
  if (!store) return failed(store.error());
  const auto found = store->events(*filter);
  if (!found) return failed(found.error());
  show(*found, options);
  if (const std::size_t unreadable = store->unreadable(); unreadable > 0) {
    complain(std::to_string(unreadable) + " events cannot be read in " + path +
             ": damaged, or of another version; the others are shown");
  }
  return kOk;
}

}  // namespace cgwarden::cli
