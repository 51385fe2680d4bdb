#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "launcher/oci/cgroup_news.h"
#include "launcher/oci/commands.h"
#include "launcher/oci/container.h"
#include "launcher/oci/quantity.h"

namespace cgwarden::launcher::oci {
namespace {

Outcome<void> print_reading(const ContainerRecord& record) {
  CGW_ASSIGN(const std::string text, stats_json(record.cgroup, record.id));
  CGW_TRY(print(text + "\n"));
  return {};
}

// Prints OOM kills as they happen. False: the container has ended.
Outcome<bool> pass_on(CgroupNews& news, const std::string& id,
                      std::chrono::steady_clock::time_point until) {
  const nlohmann::ordered_json oom{{"type", "oom"}, {"id", id}};
  for (;;) {
    CGW_ASSIGN(const CgroupNews::News told, news.wait(until));
    if (told.oom_kill) CGW_TRY(print(oom.dump() + "\n"));
    if (told.empty) return false;
    if (!told.oom_kill) return true;
  }
}

Outcome<int> follow(const ContainerRecord& record, std::chrono::microseconds interval) {
  auto news = CgroupNews::open(record.cgroup);
  if (!news && news.error().kind == ErrorKind::vanished) return 0;
  if (!news) return std::unexpected(Failure(news.error()));
  for (;;) {
    CGW_TRY(print_reading(record));
    CGW_ASSIGN(const bool goes_on,
               pass_on(*news, record.id, std::chrono::steady_clock::now() + interval));
    if (!goes_on || status_of(record) == ContainerStatus::stopped) return 0;
  }
}

}  // namespace

Outcome<int> events(const Global& global, const Words& words) {
  bool help = false;
  bool once = false;
  std::string interval = "5s";
  const std::vector<Option> options{
      {"stats", 0, nullptr, "one reading, then end", into(once)},
      {"interval", 0, "TIME", "between readings: 5s (default), 500ms", into(interval)},
      {"help", 'h', nullptr, "this text", into(help)}};
  CGW_ASSIGN(const Words positional, parse_options("events", words, options));
  if (help) {
    return print_help(
        "events [--stats] [--interval TIME] ID",
        "Prints what the container's cgroup counts, and each OOM kill, a JSON object a line.",
        options);
  }
  CGW_ASSIGN(const std::string id, only_id("events", positional));
  const auto pause_usec = duration_usec(interval);
  if (!pause_usec || *pause_usec == 0) {
    return refuse("--interval \"" + printable(interval) + "\" is not a time such as 5s", kUsage);
  }
  CGW_ASSIGN(const Container container, Container::open(global.root, id));
  CGW_ASSIGN(const ContainerRecord record, container.record());
  if (status_of(record) == ContainerStatus::stopped) {
    return refuse("container \"" + id + "\" is not running");
  }
  if (record.cgroup.path.empty()) {
    return refuse("container \"" + id + "\" has no cgroup of its own to read");
  }
  if (once) {
    CGW_TRY(print_reading(record));
    return 0;
  }
  // A longer one is none that anybody waits for, and the clock has room for it.
  constexpr std::uint64_t kLongest = 365ULL * 24 * 3600 * 1'000'000;
  return follow(record, std::chrono::microseconds(std::min(*pause_usec, kLongest)));
}

}  // namespace cgwarden::launcher::oci
