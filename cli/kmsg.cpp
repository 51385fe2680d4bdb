#include <CLI/CLI.hpp>

#include <algorithm>

#include "agent/why.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/kmsg_text.h"
#include "cli/shared_options.h"
#include "cli/since.h"
#include "cli/terminal.h"
#include "diagnosis/store.h"
#include "diagnosis/stored_kernel_log.h"

namespace cgwarden::cli {
namespace {

struct Span {
  Usec since{0};
  Usec until = Usec::max();
};

// About the newest death or stall of `name`: what led to it, and what the kernel said after.
Result<Span> span_about(const Common& common, const std::string& name) {
  constexpr Usec kBefore{60'000'000};
  constexpr Usec kAfter{10'000'000};
  CGW_ASSIGN(const auto answer, agent::why(common.where, {.name = name, .may_wait = false}));
  if (!answer.verdict) {
    return fail(Error{ErrorKind::vanished, 0, "show the kernel log of", name,
                      "it has had no death and no stall; give the time with --since"});
  }
  const Usec when = answer.verdict->when.wall;
  return Span{when - std::min(when, kBefore), when + kAfter};
}

}  // namespace

void add_kmsg_options(CLI::App& command, KmsgOptions& options) {
  command
      .add_option("NAME", options.name,
                  "About the last death or stall of this one, named as of `why` (default: all that "
                  "is stored)")
      ->type_name("");
  add_since(command, options.since, "From when");
  add_until(command, options.until);
  add_utc(command);
  add_lines(command, options.lines, "The last N lines");
  command.add_flag("--json", options.json, "One JSON object a line");
}

int kmsg(const Common& common, const KmsgOptions& options) {
  Span span;
  if (!options.name.empty()) {
    const auto about = span_about(common, options.name);
    if (!about) {
      const int code = failed(about.error());
      return about.error().kind == ErrorKind::vanished ? kNoSuchWorkload : code;
    }
    span = *about;
  }
  const Usec now = SystemClock().now().wall;
  const auto read_time = [&](const std::string& text, const char* option, Usec& to) {
    if (text.empty()) return true;
    const auto time = parse_since(text, now, option);
    if (time) to = *time;
    if (!time) complain(time.error().sentence());
    return time.has_value();
  };
  if (!read_time(options.since, "--since", span.since) ||
      !read_time(options.until, "--until", span.until)) {
    return kUsage;
  }
  const auto store = diagnosis::StoreReader::open(agent::store_path(common.where));
  if (!store) return failed(store.error());
  auto boots = store->kernel_log(span.since, span.until);
  if (!boots) return failed(boots.error());
  if (options.lines) keep_newest_lines(*boots, *options.lines);
  print(options.json ? kmsg_json(*boots) : kmsg_lines(*boots));
  return kOk;
}

}  // namespace cgwarden::cli
